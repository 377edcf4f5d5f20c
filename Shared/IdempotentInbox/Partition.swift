public import PostgresClient

/// One partition of a topic, as a consumer holds it.
public struct PartitionClaim: Hashable, Sendable {
    public let topic: String
    public let partition: Int32
    /// Raised at every assignment; writes of an earlier holder touch no row.
    public let epoch: Int64

    public init(topic: String, partition: Int32, epoch: Int64) {
        self.topic = topic
        self.partition = partition
        self.epoch = epoch
    }
}

/// A record that cannot be applied, with its bytes.
public struct ParkedRecord: Sendable {
    public let topic: String
    public let partition: Int32
    public let offset: Int64
    public let key: [UInt8]?
    public let value: [UInt8]?
    public let headers: [(name: String, value: [UInt8])]
    public let reason: String

    public init(
        topic: String,
        partition: Int32,
        offset: Int64,
        key: [UInt8]?,
        value: [UInt8]?,
        headers: [(name: String, value: [UInt8])],
        reason: String
    ) {
        self.topic = topic
        self.partition = partition
        self.offset = offset
        self.key = key
        self.value = value
        self.headers = headers
        self.reason = reason
    }
}

public enum InboxFailure: Error, Equatable, Sendable {
    case database(DatabaseError)
    /// Another member holds the partition now. Nothing of the caller's may commit.
    case fenced
}
