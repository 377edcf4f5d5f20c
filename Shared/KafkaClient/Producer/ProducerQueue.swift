import CRdkafka
import Synchronization

/// Batches in the order they came, and the only way into librdkafka's local queue.
///
/// A batch that finds the queue full waits here, and everything after it waits behind it; deliveries make room,
/// and the poll thread, which sees them, goes on handing over. So order holds whatever the queue's size.
///
/// `@unchecked Sendable`: all state, submissions included, is touched under `state` only; the handle is
/// thread-safe by librdkafka's documentation and not used after `end`.
final class ProducerQueue: @unchecked Sendable {
    private struct State {
        var waiting: [Submission] = []
        var topics: [String: OpaquePointer] = [:]
        /// Why nothing more is taken: closed, or a fatal error.
        var refusal: KafkaError?
    }

    private let handle: OpaquePointer
    private let state = Mutex(State())

    init(handle: OpaquePointer) { self.handle = handle }

    var isAnyoneWaiting: Bool { state.withLock { !$0.waiting.isEmpty } }

    /// Returns when librdkafka has taken or refused every record, or the task was cancelled; then the
    /// records not yet handed over are reported as failed and are not sent.
    func submit(_ records: [ProducerRecord]) async -> DeliveryBatch {
        let submission = Submission(records)
        await withTaskCancellationHandler {
            await withCheckedContinuation { admit(submission, $0) }
        } onCancel: {
            cancel(submission)
        }
        return submission.batch
    }

    private func admit(_ submission: Submission, _ continuation: CheckedContinuation<Void, Never>) {
        let isDone = state.withLock { state in
            if let refusal = state.refusal {
                submission.failRest(refusal)
            } else if submission.isCancelled {
                submission.failRest(.sendCancelled)
            } else if state.waiting.isEmpty {
                handOver(submission, &state)
            }
            if submission.isHandedOver { return true }
            submission.continuation = continuation
            state.waiting.append(submission)
            return false
        }
        if isDone { continuation.resume() }
    }

    private func cancel(_ submission: Submission) {
        let continuation = state.withLock { state in
            submission.isCancelled = true
            // Not admitted yet, or already handed over: nothing to take back.
            guard let index = state.waiting.firstIndex(where: { $0 === submission }) else {
                return nil as CheckedContinuation<Void, Never>?
            }
            state.waiting.remove(at: index)
            submission.failRest(.sendCancelled)
            return submission.continuation
        }
        continuation?.resume()
    }

    /// Called by the poll thread after deliveries. Returns whether nobody waits any more.
    @discardableResult
    func handOverWaiting() -> Bool {
        var finished: [CheckedContinuation<Void, Never>?] = []
        let isEmpty = state.withLock { state in
            while let first = state.waiting.first {
                handOver(first, &state)
                guard first.isHandedOver else { break }
                finished.append(first.continuation)
                state.waiting.removeFirst()
            }
            return state.waiting.isEmpty
        }
        for continuation in finished { continuation?.resume() }
        return isEmpty
    }

    /// From now on every record is refused with `error`, those that wait included. The first reason stays.
    func refuse(_ error: KafkaError) {
        let waiting = state.withLock { state in
            state.refusal = state.refusal ?? error
            defer { state.waiting = [] }
            for submission in state.waiting { submission.failRest(error) }
            return state.waiting.map(\.continuation)
        }
        for continuation in waiting { continuation?.resume() }
    }

    /// New batches are refused; those that wait are still handed over.
    func refuseNew(_ error: KafkaError) {
        state.withLock { $0.refusal = $0.refusal ?? error }
    }

    /// Must come before the handle is destroyed; nothing uses it through this queue afterwards.
    func end() {
        refuse(.producerClosed)
        state.withLock { state in
            for topic in state.topics.values { rd_kafka_topic_destroy(topic) }
            state.topics = [:]
        }
    }

    private func handOver(_ submission: Submission, _ state: inout State) {
        while !submission.isHandedOver {
            let record = submission.records[submission.next]
            switch offer(record, opaque: submission.batch.opaque(of: submission.next), &state) {
            case .accepted: submission.next += 1
            case .queueFull: return
            case .refused(let error):
                submission.batch.fail(submission.next, error)
                submission.next += 1
            }
        }
    }

    private func offer(
        _ record: ProducerRecord,
        opaque: UnsafeMutableRawPointer,
        _ state: inout State
    ) -> ProduceOutcome {
        let topic: OpaquePointer
        do { topic = try self.topic(record.topic, &state) } catch { return .refused(error) }
        let outcome = RecordEncoding.produce(record, on: handle, topic: topic, opaque: opaque)
        guard case .queueFull = outcome, rd_kafka_outq_len(handle) == 0 else { return outcome }
        // The queue is empty now; it may have become so after the offer. Nobody else can fill it: we hold the lock.
        let second = RecordEncoding.produce(record, on: handle, topic: topic, opaque: opaque)
        guard case .queueFull = second else { return second }
        return .refused(
            KafkaError(
                RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE,
                message: "the record is larger than the whole local queue (queue.buffering.max.kbytes)"
            )
        )
    }

    private func topic(_ name: String, _ state: inout State) throws(KafkaError) -> OpaquePointer {
        if let topic = state.topics[name] { return topic }
        guard !name.isEmpty, !name.utf8.contains(0) else {
            throw KafkaError(RD_KAFKA_RESP_ERR_TOPIC_EXCEPTION, message: "not a topic name")
        }
        guard let topic = rd_kafka_topic_new(handle, name, nil) else { throw .last("topic \(name)") }
        state.topics[name] = topic
        return topic
    }
}
