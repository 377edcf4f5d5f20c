/*
 * Removing what was discarded, while writes that began before may still land: an uploader, somebody with a presigned
 * URL, expiry, a network that delivers late, and two removers (the same order, delivered twice, or asked for again).
 *
 *   state              uploads.state; an `atomic` on it is one compare-and-set
 *   Uploader           UploadSaga and CompleteSaga: the row is committed before the first byte leaves, the object's key is
 *                      used once; PENDING -> COMPLETED after the store's answer; no row: leave, touch nothing
 *   Holder             a client with a presigned URL, which works until `isURLOver`, whatever became of the upload
 *   Expiry             UploadExpiry, a client's abort, a failure: PENDING -> DOOMED, with the order upload.discarded
 *   Remover            RemovalSaga
 *     remove             ObjectRemover.remove: until nothing is seen; from then on first_absent_at counts
 *     look again         when WAYBILL_LATE_SECONDS have passed since: longest URL + slowest write + skew, so nothing can be
 *                        under way any more, which is all that is asked of time here (`isQuiet`); something there: start over
 *     report             upload.bytes_removed, DOOMED -> REAPED
 *   Network            a write lands at any time later, or never; its answer comes, or is lost
 *
 * `isThere` stands for whatever can lie under the key: the object, or a multipart upload whose opening landed late.
 *
 * Held: what was acknowledged stays COMPLETED and keeps its object, at every instant; what is REAPED has none, for ever;
 * in the end every upload is one or the other.
 *
 * Wrong on purpose, and to be caught: SINGLE_LOOK, LOOK_AT_ONCE, GRACE_PERIOD, READ_THEN_DOOM.
 */
#define WRITES 3   /* over all */

mtype = { PENDING, COMPLETED, DOOMED, REAPED };

mtype state = PENDING;
bool isAcknowledged = false;

bool isThere = false;
bool isAnswered = false;      /* the uploader knows that its bytes are stored */
bool isURLOver = false;
byte writes = 0;
byte onItsWay = 0;

byte removing = 2;
bool isUploaderGone = false;
bool isSettled = false;

#define isQuiet (isURLOver && onItsWay == 0)
#define isKept  (!isAcknowledged || (state == COMPLETED && isThere))
#define isGone  (state != REAPED || !isThere)

ltl right { ([] (isKept && isGone)) && (<> isSettled) }

inline write() {
    writes++;
    onItsWay++
}

proctype Uploader() {
    do
    :: atomic { writes < WRITES && !isURLOver -> write() }
    :: atomic { isAnswered && state == PENDING -> state = COMPLETED; isAcknowledged = true; break }
    :: atomic { isAnswered && state != PENDING -> break }
    :: true -> break /* dies, or is cut off */
    od;
    isUploaderGone = true
}

proctype Holder() {
    do
    :: atomic { writes < WRITES && !isURLOver -> write() }
    :: isURLOver = true; break
    od
}

proctype Network() {
    do
    :: atomic { onItsWay > 0 -> onItsWay--; isThere = true; isAnswered = true }
    :: atomic { onItsWay > 0 -> onItsWay--; isThere = true }
    :: atomic { onItsWay > 0 -> onItsWay-- }
    :: atomic { isUploaderGone && isQuiet -> break }
    od
}

proctype Expiry() {
#ifdef READ_THEN_DOOM
    if
    :: state == PENDING -> state = DOOMED
    :: state == COMPLETED
    fi
#else
    if
    :: atomic { state == PENDING -> state = DOOMED }
    :: state == COMPLETED
    fi
#endif
}

proctype Remover() {
#ifdef GRACE_PERIOD
    bool hasWaited = false;
#endif
    do
    :: state == DOOMED || state == REAPED -> break
    :: state == COMPLETED -> goto over
#ifdef GRACE_PERIOD
    :: state == PENDING && !hasWaited -> hasWaited = true; isThere = false /* it is old: nobody will want it */
#endif
    od;
remove:
    isThere = false;
    if
    :: isThere -> goto remove
    :: !isThere
    fi;
#ifndef SINGLE_LOOK
#ifndef LOOK_AT_ONCE
    isQuiet;
#endif
    if
    :: isThere -> goto remove
    :: !isThere
    fi;
#endif
    atomic {
        if
        :: state == DOOMED -> state = REAPED
        :: else
        fi
    }
over:
    removing--
}

proctype Ending() {
    removing == 0 && isUploaderGone && isQuiet;
    assert(state == COMPLETED && isThere || state == REAPED && !isThere);
    isSettled = true
}

init {
    atomic {
        run Uploader();
        run Holder();
        run Network();
        run Expiry();
        run Remover();
        run Remover();
        run Ending()
    }
}
