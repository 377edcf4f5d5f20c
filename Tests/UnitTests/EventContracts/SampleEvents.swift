import Determinism
import EventContracts
import FoundationEssentials

/// One event of every type, the same as in `Specs/golden`.
enum SampleEvents {
    static let traceparent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
    static let fileID = uuid("0197a6d2-5c3e-7b41-8f00-2f6a1c9d4e55")
    static let uploadID = uuid("0197a6d2-5c3e-7b41-9a11-77d0c2b3a401")
    static let objectKey = "acme/2026/11/0197a6d2-5c3e-7b41-9a11-77d0c2b3a401.1"
    static let sha256 = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"
    /// 2026-11-21T09:30:00.000250Z
    static let time = Timestamp(microsecondsSinceEpoch: 1_795_253_400_000_250)
    static let name = "Rechnung März 😀.pdf"

    static let all: [FileEvent] = [
        event(1, .stored(stored())),
        event(2, .deleted(DeletedFile(name: name, deleteAfter: time.advanced(by: .seconds(30 * 86_400))))),
        event(3, .restored(stored())),
        event(4, .purging(PurgingFile(objectKey: objectKey, s3UploadID: "2~Vq3/abc+="))),
        event(5, .purged),
        event(2, .quarantined(QuarantinedFile(name: name, reason: "digest_mismatch"))),
        event(1, discarded()),
        event(6, quarantinedObject()),
        event(6, .objectUnquarantined(unquarantinedObject)),
        event(6, .multipartLeaked(multipart)),
        event(1, .indexed(IndexedFile(sha256: sha256, indexedBytes: 4, textKind: "plain"))),
        event(1, .rejected(rejected(expectedSize: 4))),
        event(4, .bytesRemoved(RemovedBytes(objectKey: objectKey, versionsRemoved: 1))),
        event(4, stalled(attempts: 12)),
        event(1, .uploadBytesRemoved(RemovedUpload(uploadID: uploadID, objectKey: objectKey))),
        event(
            6,
            .objectTrashed(
                TrashedObject(planID: uploadID, objectKey: objectKey, trashKey: trashKey, size: 4)
            )
        ),
        event(6, .objectRestored(RestoredObject(planID: uploadID, objectKey: objectKey, size: 4))),
        event(
            6,
            .objectKept(
                KeptObject(planID: uploadID, objectKey: objectKey, reason: "another object lies there")
            )
        ),
        event(6, .multipartAborted(multipart)),
    ]

    static let trashKey = ".waybill/trash/2026-11-21/0197a6d2-5c3e-7b41-9a11-77d0c2b3a401/\(objectKey)"
    static let multipart = LeakedMultipart(
        planID: uploadID,
        objectKey: objectKey,
        s3UploadID: "2~Vq3/abc+="
    )
    static let unquarantinedObject = UnquarantinedObject(
        planID: uploadID,
        objectKey: objectKey,
        trashKey: trashKey,
        size: 4,
        reason: "the plan is undone"
    )

    static func quarantinedObject(trashKey: String = trashKey) -> FileEvent.Detail {
        .objectQuarantined(
            QuarantinedObject(
                planID: uploadID,
                objectKey: objectKey,
                trashKey: trashKey,
                size: 4,
                etag: "098f6bcd4621d373cade4e832627b4f6",
                reason: "no row has the key"
            )
        )
    }

    /// As `file.stored` is when nobody has said what the digest is.
    static let storedUndigested = event(1, .stored(stored(sha256: nil)))

    static func event(_ version: Int64, _ detail: FileEvent.Detail, tenant: String = "acme") -> FileEvent {
        FileEvent(
            fileID: fileID,
            version: version,
            tenant: tenant,
            owner: "ada",
            occurredAt: time,
            detail: detail
        )
    }

    static func stored(
        name: String = name,
        size: Int64 = 4,
        sha256: String? = sha256,
        objectKey: String = objectKey
    ) -> StoredFile {
        StoredFile(
            uploadID: uploadID,
            name: name,
            contentType: "application/pdf",
            size: size,
            sha256: sha256,
            objectKey: objectKey,
            etag: "\"098f6bcd4621d373cade4e832627b4f6\""
        )
    }

    static func discarded() -> FileEvent.Detail {
        .uploadDiscarded(
            DiscardedUpload(
                uploadID: uploadID,
                objectKey: objectKey,
                s3UploadID: nil,
                reason: "The client went away."
            )
        )
    }

    static func stalled(attempts: Int64) -> FileEvent.Detail {
        .removalStalled(
            StalledRemoval(objectKey: objectKey, reason: "the store answered 503", attempts: attempts)
        )
    }

    static func rejected(expectedSize: Int64, expectedSHA256: String? = sha256) -> RejectedFile {
        RejectedFile(
            reason: .sizeMismatch,
            expectedSize: expectedSize,
            actualSize: 3,
            expectedSHA256: expectedSHA256,
            actualSHA256: nil
        )
    }

    private static func uuid(_ text: String) -> UUID {
        guard let id = UUID(uuidString: text) else { preconditionFailure("not a UUID: \(text)") }
        return id
    }
}
