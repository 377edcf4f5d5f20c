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
