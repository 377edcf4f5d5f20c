import Determinism
import Digests
import EventContracts
import ObjectStore

import struct FoundationEssentials.Data
import struct FoundationEssentials.UUID

/// An object nobody has a row for, with what it says of itself and what the index says of its file.
struct AdoptableObject: Sendable {
    let key: ObjectKey
    let facts: ObjectFacts
    /// Nil: the index has never heard of the file.
    let entry: IndexEntry?
    /// Of the bytes as they were read just now.
    let digest: Digest256
}

/// The row that an object without one is given: pure, so that every case can be tried.
struct Adoption: Sendable {
    let upload: Upload
    let object: TransferredObject
    /// Of the bytes as they were read; `object.sha256` is what was stated before.
    let verified: Digest256
    /// Why the file is not served until somebody has looked at it; nil when it is.
    let quarantineReason: String?
    /// The newest version anybody has heard of the file; 0 when nobody has.
    let heardVersion: Int64

    /// Why an object is not given a row.
    struct Obstacle: Error, Equatable, Sendable {
        let reason: String
        init(_ reason: String) { self.reason = reason }
    }

    init(_ found: AdoptableObject) throws(Obstacle) {
        let claims = try Claims(found.facts.metadata)
        let entry = found.entry
        guard entry?.objectKey ?? found.key.text == found.key.text else {
            throw Obstacle("the index names another object for the file")
        }
        guard entry?.size ?? found.facts.size == found.facts.size else {
            throw Obstacle("the object has another size than the file")
        }
        let stated = [entry?.sha256.flatMap { Digest256(hex: $0) }, claims.sha256].compactMap { $0 }
        guard stated.allSatisfy({ $0 == found.digest }) else {
            throw Obstacle("the bytes are not those of the file")
        }
        guard let owner = entry?.owner ?? claims.owner, let given = entry?.name ?? claims.name,
            let name = try? FileName(given)
        else { throw Obstacle("nobody knows the file's owner and name") }
        guard entry?.tenant ?? found.key.tenant == found.key.tenant else {
            throw Obstacle("the index names another tenant")
        }
        heardVersion = entry?.version ?? 0
        quarantineReason = Self.doubt(entry, stated)
        verified = found.digest
        object = TransferredObject(size: found.facts.size, sha256: stated.first, etag: found.facts.etag)
        upload = Upload(
            id: claims.uploadID,
            fileID: claims.fileID,
            tenant: found.key.tenant,
            owner: owner,
            name: name.text,
            contentType: entry?.contentType ?? found.facts.contentType ?? ContentType.octetStream.text,
            declaredSize: found.facts.size,
            declaredSHA256: stated.first,
            objectKey: found.key
        )
    }

    private static func doubt(_ entry: IndexEntry?, _ stated: [Digest256]) -> String? {
        switch entry?.state {
        case .deleted: return "adopted: it had been deleted"
        case .purged: return "adopted: it had been purged"
        case .quarantined: return "adopted: it had been in quarantine"
        case .live, nil: return stated.isEmpty ? "adopted: nobody stated what its bytes were" : nil
        }
    }
}

extension Adoption {
    /// What an object says of itself, as `Upload.objectMetadata` wrote it; objects of earlier versions say less.
    struct Claims: Equatable, Sendable {
        let fileID: UUID
        let uploadID: UUID
        let owner: String?
        let name: String?
        let sha256: Digest256?

        init(_ metadata: [String: String]) throws(Obstacle) {
            guard let file = metadata["file-id"].flatMap({ UUID(text: $0) }),
                let upload = metadata["upload-id"].flatMap({ UUID(text: $0) })
            else { throw Obstacle("the object does not say which file it is") }
            fileID = file
            uploadID = upload
            owner = metadata["owner"].flatMap(Self.decoded)
            name = metadata["name"].flatMap(Self.decoded)
            sha256 = metadata["sha256"].flatMap { Digest256(hex: $0) }
        }

        private static func decoded(_ text: String) -> String? {
            Data(base64Encoded: text).flatMap { String(validating: $0, as: UTF8.self) }
        }
    }
}

extension Upload {
    /// Lets a lost row be rebuilt from the bucket: which file of whom, which attempt, what its bytes are where the client said so. In
    /// base64 what need not be ASCII; with the longest name less than the 2 KiB that S3 allows.
    var objectMetadata: [String: String] {
        var metadata = [
            "file-id": fileID.text, "upload-id": id.text,
            "owner": Data(owner.utf8).base64EncodedString(), "name": Data(name.utf8).base64EncodedString(),
        ]
        metadata["sha256"] = declaredSHA256?.hex
        return metadata
    }
}
