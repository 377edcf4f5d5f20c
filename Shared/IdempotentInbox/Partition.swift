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
    public let record: InboundRecord
    public let reason: String

    public init(_ record: InboundRecord, reason: String) {
        self.record = record
        self.reason = reason
    }
}

public enum InboxFailure: Error, Equatable, Sendable {
    case database(DatabaseError)
    /// Another member holds the partition now. Nothing of the caller's may commit.
    case fenced
}
