import CRdkafka
import Logging
import Synchronization

/// The life of one producer handle, on a thread of its own: serve deliveries, hand over what waits, close.
///
/// `@unchecked Sendable`: the handle is thread-safe by librdkafka's documentation and destroyed by this loop's
/// thread alone, at its end; everything else is in `state`.
final class ProducerLoop: @unchecked Sendable {
    private struct State {
        var closeDeadline: MonotonicDeadline?
        /// The handle may no longer be asked.
        var isEnding = false
        var isClosed = false
        var fatalError: KafkaError?
        var closers: [CheckedContinuation<Void, Never>] = []
    }

    let queue: ProducerQueue
    private let handle: OpaquePointer
    let context: HandleContext
    private let state = Mutex(State())

    init(handle: OpaquePointer, context: HandleContext) {
        self.handle = handle
        self.context = context
        queue = ProducerQueue(handle: handle)
    }

    /// The library is asked itself: whoever waits for a report may have it before this thread has seen the error behind it.
    var fatalError: KafkaError? {
        state.withLock { state in
            if state.fatalError == nil, !state.isEnding { state.fatalError = .fatal(of: handle) }
            return state.fatalError
        }
    }

    /// The body of the poll thread. Returns when the handle is destroyed.
    func run() {
        while closeDeadline == nil {
            rd_kafka_poll(handle, 100)
            attend()
        }
        queue.refuseNew(.producerClosed)
        flush()
        queue.refuse(.producerClosed)
        // With everything purged each record gets its report now; none may be left when the handle goes.
        while rd_kafka_outq_len(handle) > 0 {
            rd_kafka_purge(handle, Int32(RD_KAFKA_PURGE_F_QUEUE | RD_KAFKA_PURGE_F_INFLIGHT))
            rd_kafka_poll(handle, 50)
        }
        queue.end()
        state.withLock { state in
            state.fatalError = state.fatalError ?? .fatal(of: handle)
            state.isEnding = true
        }
        destroy()
        let closers = state.withLock { state in
            state.isClosed = true
            defer { state.closers = [] }
            return state.closers
        }
        for closer in closers { closer.resume() }
    }

    /// For a loop whose thread never started.
    func destroy() { Configuration.destroy(handle, context: context) }

    /// A shorter limit shortens a close that is under way; a longer one changes nothing.
    func requestClose(flushLimit: Duration) {
        let deadline = MonotonicDeadline.after(flushLimit)
        state.withLock { $0.closeDeadline = min($0.closeDeadline ?? deadline, deadline) }
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

    private var closeDeadline: MonotonicDeadline? { state.withLock { $0.closeDeadline } }

    private func flush() {
        while closeDeadline?.hasPassed == false {
            rd_kafka_flush(handle, 50)  // sends without lingering, and serves deliveries
            attend()
            if queue.handOverWaiting(), rd_kafka_outq_len(handle) == 0 { return }
        }
    }

    private func attend() {
        for case .failure(let error) in context.takeNotices() {
            context.logger.log(
                level: error.isFatal ? .critical : .warning,
                "\(error.message)",
                metadata: ["error": "\(error.name)"]
            )
            if error.isFatal { giveUp(error) }
        }
        queue.handOverWaiting()
    }

    private func giveUp(_ error: KafkaError) {
        state.withLock { $0.fatalError = $0.fatalError ?? error }
        queue.refuse(error)
        // Without this, records in flight to a dead broker would keep their senders waiting for ever.
        let flags = RD_KAFKA_PURGE_F_QUEUE | RD_KAFKA_PURGE_F_INFLIGHT | RD_KAFKA_PURGE_F_NON_BLOCKING
        rd_kafka_purge(handle, Int32(flags))
    }

    #if DEBUG
        /// Makes the library believe in a fatal error, as its own tests do.
        func raiseFatalError() {
            rd_kafka_test_fatal_error(
                handle,
                RD_KAFKA_RESP_ERR_OUT_OF_ORDER_SEQUENCE_NUMBER,
                "raised by a test"
            )
        }
    #endif
}
