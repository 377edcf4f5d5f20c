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
        /// The newest failure; nil after something was applied since.
        public var lastFailure: String?
    }

    private let state = Mutex(Snapshot())

    public init() {}

    public var snapshot: Snapshot { state.withLock { $0 } }

    func update(_ change: (inout Snapshot) -> Void) { state.withLock { change(&$0) } }
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
