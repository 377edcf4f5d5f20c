import CRdkafka
import Logging
import Synchronization

/// The life of one consumer handle, on a thread of its own: poll, follow rebalances, carry out commands, leave.
///
/// It never stops polling for long: with a full buffer it pauses partitions and polls on, so the group keeps
/// this member however slow the application is.
///
/// `@unchecked Sendable`: `assignment` and `names` belong to the poll thread, which alone runs `run` and
/// everything it calls; the rest is thread-safe. The handle is destroyed by that thread, at its end.
final class ConsumerLoop: @unchecked Sendable {
    private struct State {
        var isClosed = false
        var closers: [CheckedContinuation<Void, Never>] = []
        var progress: [PartitionProgress] = []
    }

    let buffer: EventBuffer
    let commands: CommandQueue
    let handle: OpaquePointer
    let context: HandleContext
    var assignment: Assignment
    private var names = TopicNames()
    private var nextMeasurement = MonotonicDeadline.after(.zero)
    /// How often partitions were paused because the application did not come back.
    let flowStopCount = Atomic(0)
    /// Until when room in the full buffer is waited for.
    private var patience: MonotonicDeadline?
    private let state = Mutex(State())

    init(handle: OpaquePointer, pollQueue: OpaquePointer, context: HandleContext, batchLimit: Int) {
        buffer = EventBuffer(batchLimit: batchLimit)
        self.handle = handle
        self.context = context
        commands = CommandQueue(pollQueue: pollQueue)
        assignment = Assignment(handle: handle)
    }

    func nextEvent() async -> ConsumerEvent? {
        let event = await buffer.next()
        if buffer.takeRoomSignal() { commands.wake() }
        return event
    }

    var progress: [PartitionProgress] { state.withLock { $0.progress } }

    /// The body of the poll thread. Returns when the group is left and the handle destroyed.
    func run() {
        while !commands.isCloseAsked {
            carryOutCommands()
            grantOverdueRevocation()
            if mayReadAhead() { readAhead() }
            measure()
        }
        carryOutCommands()  // offsets stored before the close was asked for
        buffer.finish()
        leaveGroup()
        destroy()
        let closers = state.withLock { state in
            state.isClosed = true
            state.progress = []
            defer { state.closers = [] }
            return state.closers
        }
        for closer in closers { closer.resume() }
    }

    func destroy() {
        commands.end()
        Configuration.destroy(handle, context: context)
    }

    func waitUntilClosed() async {
        await withCheckedContinuation { continuation in
            let isClosed = state.withLock { state in
                if !state.isClosed { state.closers.append(continuation) }
                return state.isClosed
            }
            if isClosed { continuation.resume() }
        }
    }

    private func leaveGroup() {
        context.isLeaving.store(true, ordering: .releasing)
        // A rebalance the application has not answered would keep the library waiting for the answer.
        releaseAll()
        rd_kafka_consumer_close(handle)  // commits stored offsets
    }

    /// One wait of up to 100 ms, then whatever is there, at most one batch.
    private func readAhead() {
        var records: [ConsumerRecord] = []
        var timeout: Int32 = 100
        var weight = 0
        while weight < buffer.batchLimit {
            let message = rd_kafka_consumer_poll(handle, timeout)
            timeout = 0
            if context.hasNotices {
                pass(&records)
                attend()
            }
            guard let message else { break }
            read(message, into: &records)
            weight += records.last?.weight ?? 1
            rd_kafka_message_destroy(message)
        }
        pass(&records)
    }

    private func pass(_ records: inout [ConsumerRecord]) {
        guard !records.isEmpty else { return }
        buffer.append(records)
        records = []
    }

    private func read(
        _ message: UnsafeMutablePointer<rd_kafka_message_t>,
        into records: inout [ConsumerRecord]
    ) {
        let topic = names.name(of: message)
        guard message.pointee.err == RD_KAFKA_RESP_ERR_NO_ERROR else {
            pass(&records)
            return report(message, topic: topic)
        }
        guard let topic else { return }
        let record = ConsumerRecord(message, topic: topic)
        // During a revocation the rest is for the next owner.
        if assignment.advance(record.topicPartition, to: record.offset) { records.append(record) }
    }

    private func report(_ message: UnsafeMutablePointer<rd_kafka_message_t>, topic: String?) {
        let code = message.pointee.err
        guard code != RD_KAFKA_RESP_ERR__PARTITION_EOF else { return }
        let partition = message.pointee.partition
        fail(
            KafkaError(
                code,
                message: rd_kafka_message_errstr(message).map { String(cString: $0) },
                partition: topic.flatMap {
                    partition < 0 ? nil : TopicPartition(topic: $0, partition: partition)
                }
            )
        )
    }

    func fail(_ error: KafkaError) {
        context.logger.log(
            level: error.isFatal ? .critical : .warning,
            "\(error.message)",
            metadata: ["error": "\(error.name)", "partition": "\(error.partition?.description ?? "")"]
        )
        buffer.append(.failed(error))
    }

    /// False while room in the buffer is waited for. Pausing throws away what the library has fetched already, and it may take a second
    /// before it fetches again: that is for an application that does not come back soon, when the group must be attended to.
    private func mayReadAhead() -> Bool {
        if assignment.isFlowStopped {
            if buffer.hasRoom { assignment.startFlow().forEach(seekEnded) }
            return true
        }
        guard buffer.awaitRoomIfFull() else {
            patience = nil
            return true
        }
        let deadline = patience ?? .after(.seconds(2))
        patience = deadline
        guard deadline.hasPassed else {
            commands.park(milliseconds: 100) { !buffer.isFull }
            return false
        }
        patience = nil
        flowStopCount.add(1, ordering: .relaxed)
        assignment.stopFlow()
        return true
    }

    private func measure() {
        guard nextMeasurement.hasPassed else { return }
        nextMeasurement = .after(.seconds(1))
        let progress = assignment.progress()
        state.withLock { $0.progress = progress }
    }
}
