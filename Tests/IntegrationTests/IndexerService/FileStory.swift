import Determinism
import Digests
import EventContracts
import Foundation
import TestSupport

/// One file and everything that can happen to it, told in events.
struct FileStory: Sendable {
    let fileID: UUID
    let uploadID: UUID
    let tenant: String
    let owner: String
    let name: String
    let content: String
    let contentType: String
    let objectKey: String
    /// Whether its events state the digest.
    let isDigested: Bool

    /// - Parameter number: tells this file from others of the test; the same number is the same file again.
    init(
        _ number: Int,
        name: String? = nil,
        content: String = "",
        contentType: String = "text/plain",
        tenant: String = "acme",
        owner: String = "ada",
        isDigested: Bool = true
    ) {
        let digits = String(number, radix: 16)
        let tail = String(repeating: "0", count: 12 - digits.count) + digits
        fileID = Self.uuid("0197a6d2-5c3e-7b41-8f00-\(tail)")
        uploadID = Self.uuid("0197a6d2-5c3e-7b41-9a11-\(tail)")
        objectKey = "\(tenant)/2026/11/0197a6d2-5c3e-7b41-9a11-\(tail).1"
        self.name = name ?? "file \(number).txt"
        self.content = content
        self.contentType = contentType
        self.tenant = tenant
        self.owner = owner
        self.isDigested = isDigested
    }

    func stored(
        _ version: Int64 = 1,
        size: Int64? = nil,
        sha256: String? = nil
    ) -> FileEvent {
        event(version, .stored(file(size, sha256)))
    }

    func restored(_ version: Int64) -> FileEvent { event(version, .restored(file(nil, nil))) }
    func deleted(_ version: Int64) -> FileEvent {
        event(
            version,
            .deleted(DeletedFile(name: name, deleteAfter: Self.start.advanced(by: .seconds(3_600))))
        )
    }
    func quarantined(_ version: Int64) -> FileEvent {
        event(version, .quarantined(QuarantinedFile(name: name, reason: "digest_mismatch")))
    }
    func purging(_ version: Int64, multipartID: String? = nil) -> FileEvent {
        event(version, .purging(PurgingFile(objectKey: objectKey, s3UploadID: multipartID)))
    }
    func purged(_ version: Int64) -> FileEvent { event(version, .purged) }
    func discarded(multipartID: String? = nil) -> FileEvent {
        event(
            1,
            .uploadDiscarded(
                DiscardedUpload(
                    uploadID: uploadID,
                    objectKey: objectKey,
                    s3UploadID: multipartID,
                    reason: "client gone"
                )
            )
        )
    }

    func event(_ version: Int64, _ detail: FileEvent.Detail) -> FileEvent {
        FileEvent(
            fileID: fileID,
            version: version,
            tenant: tenant,
            owner: owner,
            occurredAt: Self.start.advanced(by: .seconds(version)),
            detail: detail
        )
    }

    /// A legal life of the file: stored, then any of what the states allow.
    func life(_ random: inout SeededGenerator, lengthLimit: Int = 8) -> [FileEvent] {
        var events = [stored(1)]
        while events.count < lengthLimit {
            let version = Int64(events.count + 1)
            switch events[events.count - 1].type {
            case .fileStored, .fileRestored:
                events.append(Bool.random(using: &random) ? deleted(version) : quarantined(version))
            case .fileQuarantined: events.append(deleted(version))
            case .fileDeleted:
                events.append(
                    Int.random(in: 0..<3, using: &random) == 0 ? purging(version) : restored(version)
                )
            case .filePurging: events.append(purged(version))
            default: return events
            }
            if Int.random(in: 0..<6, using: &random) == 0 { return events }
        }
        return events
    }

    private func file(_ size: Int64?, _ sha256: String?) -> StoredFile {
        StoredFile(
            uploadID: uploadID,
            name: name,
            contentType: contentType,
            size: size ?? Int64(content.utf8.count),
            sha256: isDigested ? sha256 ?? Digest256.of(content).hex : nil,
            objectKey: objectKey,
            etag: ""
        )
    }

    private static let start = Timestamp(secondsSinceEpoch: 1_795_253_400)

    private static func uuid(_ text: String) -> UUID { UUID(uuidString: text) ?? UUID() }
}
