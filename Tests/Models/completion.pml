/*
 * Completing a multipart upload when answers get lost: two completers, expiry, the remover, a store that tidies up by
 * itself, and a network that loses answers and delivers requests late.
 *
 *   state, epoch       uploads.state and the claim on the completion's saga; an `atomic` on them is one compare-and-set
 *   Completer          UploadSessions.complete and CompleteSaga, in two processes that may die or be overtaken:
 *     claim              ACTIVE -> COMPLETING, in the transaction that begins the saga; or the next epoch of COMPLETING,
 *                        when the lease has run out: here at any time, which is worse than any clock
 *     call               PartAssembly.object, CompleteMultipartUpload: applied or not, answered or not
 *     look               PartAssembly.look, HEAD: what NoSuchUpload means
 *     commit             UploadPivot.commit, COMPLETING of this epoch -> COMPLETED with the file; no row: leave, touch nothing
 *     give up            CompleteSaga.discard, COMPLETING of this epoch -> FAILED: after so many answers that said nothing,
 *                        or one that says it will never be
 *   Expiry             UploadExpiry, and a client's abort: ACTIVE -> EXPIRED, never from COMPLETING
 *   Remover            RemovalSaga: only what is doomed
 *   Network            a request nobody waits for any more reaches the store late, or never
 *   Housekeeping       stores that remove old uploads by a rule of their own
 *
 * Held: one file at most; COMPLETED has its object at every instant; only a doomed upload's object is removed; what its
 * owner has seen completed is not given up, nor what was completed for a definite reason; in the end the upload is
 * COMPLETED, or doomed with nothing left.
 *
 * Wrong on purpose, and to be caught: NOSUCH_IS_FAILURE, NOSUCH_IS_SUCCESS, DELETE_ON_LOST_CAS, NO_EPOCH,
 * EXPIRE_COMPLETING.
 */
#define EPOCHS 3   /* claims */
#define CALLS  2   /* of one claim, before it is given up */
#define LOSSES 3   /* answers lost, over all */
#define DEATHS 1   /* of each completer */

mtype = { ACTIVE, COMPLETING, COMPLETED, FAILED, EXPIRED };
mtype = { OK, NOTHING, NOSUCH, BAD, THERE };

mtype state = ACTIVE;
byte epoch = 0;         /* of the newest claim */
byte files = 0;
bool isSeen = false;    /* the newest claim's owner knows that the object is there */

bool isOpen = true;     /* the multipart upload, in the store */
bool isThere = false;   /* the object */
bool isBad = false;     /* the store will never make an object of these parts */
byte onItsWay = 0;      /* requests to complete, that nobody waits for */
byte losses = 0;

byte working = 2;       /* completers that may still do something */
bool isExpiryOver = false;
bool isSettled = false;

#define isDoomed (state == FAILED || state == EXPIRED)
#define isRight  (files <= 1 && (state != COMPLETED || isThere))

ltl right { ([] isRight) && (<> isSettled) }

inline removeObject() {
    assert(isDoomed);
    isThere = false
}

inline call() {
    if
    :: isOpen && isBad -> answer = BAD
    :: isOpen && !isBad -> isOpen = false; isThere = true; answer = OK
    :: isOpen && !isBad && losses < LOSSES -> isOpen = false; isThere = true; losses++; answer = NOTHING
    :: isOpen && losses < LOSSES -> onItsWay++; losses++; answer = NOTHING
    :: !isOpen -> answer = NOSUCH
    :: !isOpen && losses < LOSSES -> losses++; answer = NOTHING
    fi
}

inline see() {
    if
    :: mine == epoch -> isSeen = true
    :: else -> skip
    fi
}

#ifdef NO_EPOCH
#define isMine (state == COMPLETING)
#else
#define isMine (state == COMPLETING && epoch == mine)
#endif

inline commit() {
    if
    :: isMine -> state = COMPLETED; files++
    :: else ->
#ifdef DELETE_ON_LOST_CAS
        removeObject();
#endif
        skip
    fi
}

inline giveUp(isDefinite) {
    if
    :: isMine -> assert(!isSeen && !(isDefinite && isThere)); state = FAILED
    :: else -> skip
    fi
}

proctype Completer() {
    byte mine = 0, calls = 0, deaths = 0;
    mtype answer = 0;
    do
    /* claim: the first, or the next one's when the lease ran out */
    :: atomic { mine == 0 && state == ACTIVE -> state = COMPLETING; epoch++; mine = epoch }
    :: atomic { mine != epoch && state == COMPLETING && epoch < EPOCHS ->
            epoch++; mine = epoch; calls = 0; answer = 0; isSeen = false }
    /* die: whoever comes next knows nothing */
    :: atomic { mine > 0 && deaths < DEATHS && epoch < EPOCHS ->
            deaths++; mine = 0; calls = 0; answer = 0 }
    /* ask the store, and judge its answer */
    :: atomic { mine > 0 && answer == 0 -> call(); calls++ }
    :: atomic { answer == OK -> see(); answer = THERE }
    :: atomic { answer == BAD -> giveUp(true); break }
    :: atomic { answer == NOTHING && calls < CALLS -> answer = 0 }
    :: atomic { answer == NOTHING && calls >= CALLS -> giveUp(false); break }
#ifdef NOSUCH_IS_FAILURE
    :: atomic { answer == NOSUCH -> giveUp(true); break }
#else
#ifdef NOSUCH_IS_SUCCESS
    :: atomic { answer == NOSUCH -> answer = THERE }
#else
    :: atomic { answer == NOSUCH && isThere -> see(); answer = THERE }
    :: atomic { answer == NOSUCH && !isThere && calls < CALLS -> answer = 0 }
    :: atomic { answer == NOSUCH && !isThere && calls >= CALLS -> giveUp(false); break }
#endif
#endif
    :: atomic { answer == THERE -> commit(); break }
    /* nothing is owed any more */
    :: atomic { mine == 0 && state != ACTIVE && state != COMPLETING -> break }
    od;
    working--
}

proctype Expiry() {
    atomic {
        if
#ifdef EXPIRE_COMPLETING
        :: state == COMPLETING -> assert(!isSeen); state = EXPIRED
#endif
        :: state == ACTIVE -> state = EXPIRED
        :: state != ACTIVE -> skip
        :: true -> skip /* there was progress: not yet */
        fi;
        isExpiryOver = true
    }
}

proctype Network() {
    bool isTidied = false;
    do
    :: atomic { onItsWay > 0 && isOpen && !isBad -> onItsWay--; isOpen = false; isThere = true }
    :: atomic { onItsWay > 0 -> onItsWay-- }
    :: atomic { isOpen && !isTidied -> isOpen = false; isTidied = true }
    :: atomic { working == 0 && onItsWay == 0 -> break }
    od
}

proctype Remover() {
    if
    :: isDoomed ->
        isOpen = false;
        atomic {
            if
            :: isThere -> removeObject()
            :: else -> skip
            fi
        }
    :: state == COMPLETED -> skip
    fi;
    working == 0 && onItsWay == 0 && isExpiryOver;
    assert(state == COMPLETED && files == 1 && isThere || isDoomed && files == 0 && !isThere && !isOpen);
    isSettled = true
}

init {
    atomic {
        if
        :: isBad = true
        :: skip
        fi;
        run Completer();
        run Completer();
        run Expiry();
        run Network();
        run Remover()
    }
}
