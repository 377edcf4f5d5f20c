import CRdkafka
import Synchronization

/// The delivery reports of one `enqueue`: one allocation and one wake-up for the whole batch.
///
/// `@unchecked Sendable`: slot i is written once, by whoever completes record i, before `remaining` falls;
/// slots are read only after `remaining` has reached zero (acquire/release), when nobody writes any more.
final class DeliveryBatch: @unchecked Sendable {
    struct Slot {
        let batch: Unmanaged<DeliveryBatch>
        var code: rd_kafka_resp_err_t
        var partition: Int32
        var offset: Int64
        /// Set where the code alone would say too little.
        var error: KafkaError?
    }

    private struct Waiting {
        var isFinished = false
        var nextNumber = 0
        var continuations: [Int: CheckedContinuation<[DeliveryReport], Never>] = [:]
        var cancelled: Set<Int> = []
    }

    let count: Int
    private let slots: UnsafeMutablePointer<Slot>
    private let remaining: Atomic<Int>
    private let waiting = Mutex(Waiting())

    init(count: Int) {
        self.count = count
        remaining = Atomic(count)
        slots = .allocate(capacity: count)
        guard count > 0 else {
            waiting.withLock { $0.isFinished = true }
            return
        }
        // One reference for all slots, given up when the last record is completed: librdkafka holds
        // pointers to the slots until then.
        let batch = Unmanaged.passRetained(self)
        slots.initialize(
            repeating: Slot(batch: batch, code: RD_KAFKA_RESP_ERR_NO_ERROR, partition: -1, offset: -1),
            count: count
        )
    }

    deinit {
        slots.deinitialize(count: count)
        slots.deallocate()
    }

    /// The opaque of record `index`: lets ``complete(_:with:)`` find its slot.
    func opaque(of index: Int) -> UnsafeMutableRawPointer { UnsafeMutableRawPointer(slots + index) }

    /// Must be called exactly once per record that the library has not taken.
    func fail(_ index: Int, _ error: KafkaError) {
        slots[index].error = error
        Self.finishOne(of: slots + index)
    }

    /// Called with the library's delivery report: exactly once per record it has taken.
    static func complete(_ opaque: UnsafeMutableRawPointer, with message: rd_kafka_message_t) {
        let slot = opaque.assumingMemoryBound(to: Slot.self)
        slot.pointee.code = message.err
        slot.pointee.partition = message.partition
        slot.pointee.offset = message.offset
        finishOne(of: slot)
    }

    private static func finishOne(of slot: UnsafeMutablePointer<Slot>) {
        let batch = slot.pointee.batch
        let isLast =
            batch.takeUnretainedValue().remaining
            .subtract(1, ordering: .acquiringAndReleasing).newValue == 0
        guard isLast else { return }
        batch.takeRetainedValue().finish()
    }

    private func finish() {
        let continuations = waiting.withLock { waiting in
            waiting.isFinished = true
            defer { waiting.continuations = [:] }
            return waiting.continuations.values
        }
        guard !continuations.isEmpty else { return }
        let reports = collect()
        for continuation in continuations { continuation.resume(returning: reports) }
    }

    private func collect() -> [DeliveryReport] {
        (0..<count).map { index in
            let slot = slots[index]
            if let error = slot.error { return .failed(error) }
            guard slot.code == RD_KAFKA_RESP_ERR_NO_ERROR else { return .failed(KafkaError(slot.code)) }
            return .acked(partition: slot.partition, offset: slot.offset)
        }
    }

    /// One report per record. A cancelled task gets `waitCancelled` for every record at once.
    func reports() async -> [DeliveryReport] {
        let number = waiting.withLock { waiting in
            waiting.nextNumber += 1
            return waiting.nextNumber
        }
        return await withTaskCancellationHandler {
            await withCheckedContinuation { wait(number, $0) }
        } onCancel: {
            cancel(number)
        }
    }

    private func wait(_ number: Int, _ continuation: CheckedContinuation<[DeliveryReport], Never>) {
        enum Answer { case later, finished, cancelled }
        let answer: Answer = waiting.withLock { waiting in
            if waiting.isFinished { return .finished }
            if waiting.cancelled.remove(number) != nil { return .cancelled }
            waiting.continuations[number] = continuation
            return .later
        }
        switch answer {
        case .later: break
        case .finished: continuation.resume(returning: collect())
        case .cancelled: continuation.resume(returning: abandoned)
        }
    }

    private func cancel(_ number: Int) {
        let continuation = waiting.withLock { waiting -> CheckedContinuation<[DeliveryReport], Never>? in
            if let continuation = waiting.continuations.removeValue(forKey: number) { return continuation }
            waiting.cancelled.insert(number)  // the handler may run before the wait has begun
            return nil
        }
        continuation?.resume(returning: abandoned)
    }

    private var abandoned: [DeliveryReport] { Array(repeating: .failed(.waitCancelled), count: count) }
}
