public import PostgresClient
internal import Synchronization

/// One partition of a topic, as a consumer holds it.
public final class PartitionClaim: Sendable {
    public let topic: String
    public let partition: Int32
    /// Raised at every assignment; writes of an earlier holder touch no row.
    public let epoch: Int64
    /// As far as this holder has come for sure. A database that says less has forgotten some of it: a replica that was behind was
    /// promoted, or a backup put in its place.
    private let reachedOffset: Atomic<Int64>
    /// Batches still to come whose events are looked for before they are remembered.
    private let waryBatches = Atomic(0)

    init(topic: String, partition: Int32, epoch: Int64, nextOffset: Int64) {
        self.topic = topic
        self.partition = partition
        self.epoch = epoch
        reachedOffset = Atomic(nextOffset)
    }

    var reached: Int64 { reachedOffset.load(ordering: .relaxed) }
    func reach(_ nextOffset: Int64) { reachedOffset.max(nextOffset, ordering: .relaxed) }

    /// As the database's offset is exact, an event comes twice where it was produced twice, or where somebody has it read again: seldom
    /// alone.
    var isExpectingNew: Bool { waryBatches.load(ordering: .relaxed) <= 0 }
    func becomeWary() { waryBatches.store(16, ordering: .relaxed) }
    func calmDown() { waryBatches.subtract(isExpectingNew ? 0 : 1, ordering: .relaxed) }
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
    /// Another member holds the partition now, or the database has forgotten what was applied: to be claimed and read anew from
    /// where it says. Nothing of the caller's may commit.
    case fenced
}

extension InboxFailure: DatabaseErrorCarrying {
    public var databaseError: DatabaseError? {
        if case .database(let error) = self { return error }
        return nil
    }
}
