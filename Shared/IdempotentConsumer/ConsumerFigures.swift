public import IdempotentInbox
public import KafkaClient
import Synchronization

/// What one consumer has done since it started, for metrics and health.
public final class ConsumerFigures: Sendable {
    public struct Snapshot: Sendable {
        public var counts = BatchCounts()
        /// Records the broker has and the consumer has not finished; nil before the first fetch.
        public var lag: Int64?
        /// Nil before the first interval of librdkafka's statistics is over.
        public var kafka: KafkaStatistics?
        public var assignedPartitionCount = 0
        /// Partitions that stand still because their offset is not on the broker any more: somebody must decide.
        public internal(set) var stoppedPartitions: Set<TopicPartition> = []
        /// Partitions whose last batch failed; it is tried again.
        public internal(set) var failedPartitions: Set<TopicPartition> = []
        /// The newest failure; nil once something was applied and no partition is left that failed.
        public var lastFailure: String?
    }

    private let state = Mutex(Snapshot())

    public init() {}

    public var snapshot: Snapshot { state.withLock { $0 } }

    func update(_ change: (inout Snapshot) -> Void) { state.withLock { change(&$0) } }

    /// What another partition has trouble with stays said.
    func applied(_ counts: BatchCounts, of partition: TopicPartition) {
        update {
            $0.counts += counts
            $0.failedPartitions.remove(partition)
            if $0.failedPartitions.isEmpty { $0.lastFailure = nil }
        }
    }

    func failed(_ partition: TopicPartition, _ reason: String) {
        update {
            $0.lastFailure = reason
            $0.failedPartitions.insert(partition)
        }
    }
}

extension ConsumerFigures {
    /// For health: a broker that is merely away is no trouble, it is waited for.
    ///
    /// - Throws: `ConsumerTrouble` when the last batch failed, or partitions stand still.
    public func check() throws {
        let now = snapshot
        if let failure = now.lastFailure { throw ConsumerTrouble(description: failure) }
        if !now.stoppedPartitions.isEmpty { throw ConsumerTrouble(description: "partitions stand still") }
    }
}

/// Why a consumer does not come on.
public struct ConsumerTrouble: Error, CustomStringConvertible { public let description: String }
