public import Determinism

public struct CompletedPart: Equatable, Sendable {
    public let number: Int
    public let etag: String
    /// The one the part was sent with. AWS misses a part whose checksum it keeps and the list does not name.
    public let checksum: PartChecksum?

    public init(number: Int, etag: String, checksum: PartChecksum? = nil) {
        self.number = number
        self.etag = etag
        self.checksum = checksum
    }

    /// The part as the store lists it.
    public init(_ part: PartsPage.Part) {
        self.init(number: part.number, etag: part.etag, checksum: part.checksums.first)
    }
}

public struct PartsPage: Equatable, Sendable {
    public struct Part: Equatable, Sendable {
        public let number: Int
        public let size: Int64
        public let etag: String
        public let lastModified: Timestamp?
        /// Those the store kept.
        public let checksums: [PartChecksum]

        public init(
            number: Int,
            size: Int64,
            etag: String,
            lastModified: Timestamp? = nil,
            checksums: [PartChecksum] = []
        ) {
            self.number = number
            self.size = size
            self.etag = etag
            self.lastModified = lastModified
            self.checksums = checksums
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
