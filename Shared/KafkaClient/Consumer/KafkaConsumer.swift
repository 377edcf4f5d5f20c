import CRdkafka
public import Logging

/// A member of a consumer group, as a sequence of events. Iterate it once, from one task.
///
/// Reads ahead into a bounded buffer on a thread of its own and stays in the group however slow the application
/// is. Offsets come from outside: each `assigned` event is answered with ``assign(_:)``, and only what
/// ``storeOffset(_:for:)`` names is ever committed. The methods take effect in the order they are called and never
/// wait; those about partitions that have gone meanwhile change nothing.
public final class KafkaConsumer: Sendable, AsyncSequence {
    public typealias Element = ConsumerEvent
    public typealias Failure = Never

    /// How long a revocation waits for its acknowledgement.
    public static let revokeLimit = Duration.seconds(10)

    let loop: ConsumerLoop

    /// Joins the group named by `group.id` for `topics`; the first event may take as long as the group's rebalance.
    ///
    /// - Parameter batchLimit: records that one event has at most, of all partitions; fewer where they are large:
    ///   4 KiB of value count as another record. Four times as many are read ahead.
    /// - Throws: a setting librdkafka does not accept, incremental rebalancing, a missing group, or no thread.
    public init(
        _ settings: KafkaSettings,
        topics: [String],
        batchLimit: Int = 1_000,
        logger: Logger
    ) throws(KafkaError) {
        let configuration = try Configuration(settings.checkedForConsumer())
        configuration.reportRebalances()
        let context = HandleContext(logger: logger)
        let handle = try configuration.makeHandle(RD_KAFKA_CONSUMER, context: context)
        rd_kafka_poll_set_consumer(handle)
        guard let pollQueue = rd_kafka_queue_get_consumer(handle) else {
            Configuration.destroy(handle, context: context)
            throw .invalidSetting("group.id is missing")
        }
        let loop = ConsumerLoop(
            handle: handle,
            pollQueue: pollQueue,
            context: context,
            batchLimit: batchLimit
        )
        do throws(KafkaError) {
            try Self.subscribe(handle, to: topics)
            try PollThread.start { loop.run() }
        } catch {
            loop.destroy()
            throw error
        }
        self.loop = loop
    }

    deinit { loop.commands.askToClose() }

    private static func subscribe(_ handle: OpaquePointer, to topics: [String]) throws(KafkaError) {
        let list = TopicPartitionList(
            topics.map { TopicPartition(topic: $0, partition: RD_KAFKA_PARTITION_UA) }
        )
        let code = list.lend { rd_kafka_subscribe(handle, $0) }
        guard code == RD_KAFKA_RESP_ERR_NO_ERROR else { throw KafkaError(code) }
    }

    public struct AsyncIterator: AsyncIteratorProtocol, Sendable {
        let loop: ConsumerLoop

        /// Nil once the consumer is closed, or when the task is cancelled. Neither closes the consumer.
        public mutating func next() async -> ConsumerEvent? { await loop.nextEvent() }
        public mutating func next(isolation actor: isolated (any Actor)?) async -> ConsumerEvent? {
            await loop.nextEvent()
        }
    }

    public func makeAsyncIterator() -> AsyncIterator { AsyncIterator(loop: loop) }

    /// Nil before the first interval is over.
    public var statistics: KafkaStatistics? { loop.context.statistics }

    /// Answers the `assigned` event last handed out. A partition with nil, or left out, starts at the group's
    /// committed offset; with neither it fails (`_AUTO_OFFSET_RESET`) and stands still. Partitions that are not
    /// part of the event are ignored.
    public func assign(_ offsets: [TopicPartition: Int64?]) {
        loop.commands.post(.assign(offsets, assignment: loop.buffer.deliveredAssignment))
    }

    /// From the return on no record of `partitions` is handed out until ``resume(_:)``; then none is missing.
    public func pause(_ partitions: [TopicPartition]) {
        loop.buffer.pause(partitions)
        loop.commands.post(.pause(partitions))
    }

    public func resume(_ partitions: [TopicPartition]) {
        loop.commands.post(.resume(partitions))
        loop.buffer.resume(partitions)
    }

    /// The next record of `partition` to be handed out has `offset` or, where that is gone, the partition fails.
    public func seek(_ partition: TopicPartition, to offset: Int64) {
        loop.buffer.seek(partition)
        loop.commands.post(.seek(partition, offset))
    }

    /// Marks everything below `offset` as finished: the last finished record's offset plus one. Committed in the
    /// background, on revocation and on close.
    public func storeOffset(_ offset: Int64, for partition: TopicPartition) {
        loop.commands.post(.store(partition, offset))
    }

    /// The assigned partitions, at most about a second old.
    public var progress: [PartitionProgress] { loop.progress }

    /// Ends the sequence, commits stored offsets and leaves the group. May be called again; every call returns
    /// when all is done, at the latest about `session.timeout.ms` after the brokers went away.
    public func close() async {
        loop.commands.askToClose()
        await loop.waitUntilClosed()
    }
}
