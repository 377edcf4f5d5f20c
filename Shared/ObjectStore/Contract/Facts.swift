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
}

/// What a completed upload is, as told by the answer; some stores leave the ETag empty, so take facts from `head`.
public struct CompletedUpload: Equatable, Sendable {
    public let etag: String
    public let versionID: String?
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
}

public struct ListPage: Equatable, Sendable {
    public struct Object: Equatable, Sendable {
        public let key: String
        public let size: Int64
        public let etag: String
        public let lastModified: Timestamp?
    }

    public let objects: [Object]
    /// Nil on the last page.
    public let nextToken: String?
}

public struct VersionPage: Equatable, Sendable {
    public struct Version: Equatable, Sendable {
        public let key: String
        /// `null` for an object written while versioning was off.
        public let versionID: String
        public let isDeleteMarker: Bool
        public let isLatest: Bool
        public let size: Int64
    }

    /// Where the next page starts.
    public struct Marker: Equatable, Sendable {
        public let key: String
        public let versionID: String?
    }

    public let versions: [Version]
    public let next: Marker?
}

/// One key's outcome of a batch delete.
public struct DeleteResult: Sendable {
    public let object: ObjectIdentifier
    /// Nil when it is gone.
    public let failure: StoreFailure?
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
    }

    public let parts: [Part]
    /// The number to continue after; nil on the last page.
    public let next: Int?
}

public struct UploadsPage: Equatable, Sendable {
    public struct Upload: Equatable, Sendable {
        public let key: String
        public let uploadID: String
        public let initiated: Timestamp?
    }

    public struct Marker: Equatable, Sendable {
        public let key: String
        public let uploadID: String
    }

    public let uploads: [Upload]
    public let next: Marker?
}
