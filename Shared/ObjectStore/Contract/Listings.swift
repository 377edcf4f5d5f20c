public struct ListPage: Equatable, Sendable {
    public struct Object: Equatable, Sendable {
        public let key: String
        public let size: Int64
        public let etag: String

        public init(key: String, size: Int64, etag: String) {
            self.key = key
            self.size = size
            self.etag = etag
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
