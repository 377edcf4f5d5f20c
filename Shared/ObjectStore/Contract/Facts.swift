public import Determinism

/// A key, and one of its versions where that matters.
public struct ObjectIdentifier: Hashable, Sendable {
    public let key: String
    public let versionID: String?

    public init(key: String, versionID: String? = nil) {
        self.key = key
        self.versionID = versionID
    }
}

/// What a write left behind.
public struct StoredObject: Equatable, Sendable {
    /// Empty when the store gave none.
    public let etag: String
    public let versionID: String?

    public init(etag: String, versionID: String? = nil) {
        self.etag = etag
        self.versionID = versionID
    }
}

/// What a completed upload is, as told by the answer; some stores leave the ETag empty, so take facts from `head`.
public struct CompletedUpload: Equatable, Sendable {
    public let etag: String
    public let versionID: String?

    public init(etag: String, versionID: String? = nil) {
        self.etag = etag
        self.versionID = versionID
    }
}

/// What the store knows of one object. Metadata names are lower case.
public struct ObjectFacts: Equatable, Sendable {
    public let size: Int64
    public let etag: String
    public let contentType: String?
    public let metadata: [String: String]
    public let lastModified: Timestamp?
    public let versionID: String?
    /// Base64, where the store keeps one; for a multipart object it may be a composite (`…-3`).
    public let checksumSHA256: String?

    public init(
        size: Int64,
        etag: String,
        contentType: String? = nil,
        metadata: [String: String],
        lastModified: Timestamp? = nil,
        versionID: String? = nil,
        checksumSHA256: String? = nil
    ) {
        self.size = size
        self.etag = etag
        self.contentType = contentType
        self.metadata = metadata
        self.lastModified = lastModified
        self.versionID = versionID
        self.checksumSHA256 = checksumSHA256
    }
}

/// The part of an object to read. All bounds are byte positions from 0, inclusive.
public enum ByteRange: Equatable, Sendable {
    case bytes(ClosedRange<Int64>)
    case from(Int64)
    /// The last so many bytes.
    case suffix(Int64)
}

/// `Content-Range` of a partial answer.
public struct ContentRange: Equatable, Sendable {
    public let first: Int64
    public let last: Int64
    public let total: Int64?

    public init(first: Int64, last: Int64, total: Int64? = nil) {
        self.first = first
        self.last = last
        self.total = total
    }
}

/// An open download.
public struct ObjectDownload: Sendable {
    /// `facts.size` is the whole object's size, also for a range.
    public let facts: ObjectFacts
    /// Nil when the whole object comes.
    public let contentRange: ContentRange?
    /// Bytes of this answer.
    public let length: Int64
    /// To be read once. Throws only `StoreFailure`. Dropping it closes the connection.
    public let body: DownloadBody

    public init(facts: ObjectFacts, contentRange: ContentRange? = nil, length: Int64, body: DownloadBody) {
        self.facts = facts
        self.contentRange = contentRange
        self.length = length
        self.body = body
    }
}

public struct ListPage: Equatable, Sendable {
    public struct Object: Equatable, Sendable {
        public let key: String
        public let size: Int64
        public let etag: String
        public let lastModified: Timestamp?

        public init(key: String, size: Int64, etag: String, lastModified: Timestamp? = nil) {
            self.key = key
            self.size = size
            self.etag = etag
            self.lastModified = lastModified
        }
    }

    public let objects: [Object]
    /// Nil on the last page.
    public let nextToken: String?

    public init(objects: [Object], nextToken: String? = nil) {
        self.objects = objects
        self.nextToken = nextToken
    }
}

public struct VersionPage: Equatable, Sendable {
    public struct Version: Equatable, Sendable {
        public let key: String
        /// `null` for an object written while versioning was off.
        public let versionID: String
        public let isDeleteMarker: Bool
        public let isLatest: Bool
        public let size: Int64

        public init(key: String, versionID: String, isDeleteMarker: Bool, isLatest: Bool, size: Int64) {
            self.key = key
            self.versionID = versionID
            self.isDeleteMarker = isDeleteMarker
            self.isLatest = isLatest
            self.size = size
        }
    }

    /// Where the next page starts.
    public struct Marker: Equatable, Sendable {
        public let key: String
        public let versionID: String?

        public init(key: String, versionID: String? = nil) {
            self.key = key
            self.versionID = versionID
        }
    }

    public let versions: [Version]
    public let next: Marker?

    public init(versions: [Version], next: Marker? = nil) {
        self.versions = versions
        self.next = next
    }
}

/// One key's outcome of a batch delete.
public struct DeleteResult: Sendable {
    public let object: ObjectIdentifier
    /// Nil when it is gone.
    public let failure: StoreFailure?

    public init(object: ObjectIdentifier, failure: StoreFailure? = nil) {
        self.object = object
        self.failure = failure
    }
}

public struct CompletedPart: Equatable, Sendable {
    public let number: Int
    public let etag: String

    public init(number: Int, etag: String) {
        self.number = number
        self.etag = etag
    }
}

public struct PartsPage: Equatable, Sendable {
    public struct Part: Equatable, Sendable {
        public let number: Int
        public let size: Int64
        public let etag: String
        public let lastModified: Timestamp?
        /// Base64, where the store kept one.
        public let checksumSHA256: String?

        public init(
            number: Int,
            size: Int64,
            etag: String,
            lastModified: Timestamp? = nil,
            checksumSHA256: String? = nil
        ) {
            self.number = number
            self.size = size
            self.etag = etag
            self.lastModified = lastModified
            self.checksumSHA256 = checksumSHA256
        }
    }

    public let parts: [Part]
    /// The number to continue after; nil on the last page.
    public let next: Int?

    public init(parts: [Part], next: Int? = nil) {
        self.parts = parts
        self.next = next
    }
}

public struct UploadsPage: Equatable, Sendable {
    public struct Upload: Equatable, Sendable {
        public let key: String
        public let uploadID: String
        public let initiated: Timestamp?

        public init(key: String, uploadID: String, initiated: Timestamp? = nil) {
            self.key = key
            self.uploadID = uploadID
            self.initiated = initiated
        }
    }

    public struct Marker: Equatable, Sendable {
        public let key: String
        public let uploadID: String

        public init(key: String, uploadID: String) {
            self.key = key
            self.uploadID = uploadID
        }
    }

    public let uploads: [Upload]
    public let next: Marker?

    public init(uploads: [Upload], next: Marker? = nil) {
        self.uploads = uploads
        self.next = next
    }
}
