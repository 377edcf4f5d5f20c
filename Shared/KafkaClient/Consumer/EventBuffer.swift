import Synchronization

/// Between the poll thread, which appends, and the application, which takes: bounded in records and in bytes.
///
/// Pausing and seeking act here first, so that after either call no record of that partition comes out that
/// should not, whatever was read ahead.
final class EventBuffer: Sendable {
    typealias Waiter = CheckedContinuation<ConsumerEvent?, Never>

    struct State {
        let batchLimit: Int
        var entries: [Entry] = []
        /// What the records weigh.
        var load = 0
        /// Records of partitions the application has paused. Not counted: they must not hold up the others.
        var held: [TopicPartition: [ConsumerRecord]] = [:]
        var paused: Set<TopicPartition> = []
        /// Partitions with seeks not carried out yet: what arrives for them is from before the seek.
        var seeking: [TopicPartition: Int] = [:]
        var waiters: [(number: Int, waiter: Waiter)] = []
        var nextNumber = 0
        var cancelled: Set<Int> = []
        var isFinished = false
        var isRoomAwaited = false
        /// The number of the last `assigned` event that was handed out.
        var deliveredAssignment = 0
    }

    struct Entry {
        var event: ConsumerEvent
        var assignment: Int?
    }

    /// What records handed out together may weigh; a single one may weigh more.
    let batchLimit: Int
    /// Above it the poll thread stops reading ahead, below half of it goes on.
    let loadLimit: Int
    let state: Mutex<State>

    init(batchLimit: Int) {
        self.batchLimit = batchLimit
        loadLimit = 4 * batchLimit
        state = Mutex(State(batchLimit: batchLimit))
    }

    /// Whether the buffer is full; then ``takeRoomSignal()`` will tell when it is half empty.
    func awaitRoomIfFull() -> Bool {
        state.withLock { state in
            state.isRoomAwaited = state.load >= loadLimit
            return state.isRoomAwaited
        }
    }

    /// True once after room was awaited and has appeared.
    func takeRoomSignal() -> Bool {
        state.withLock { state in
            guard state.isRoomAwaited, state.load <= loadLimit / 2 else { return false }
            state.isRoomAwaited = false
            return true
        }
    }

    var isFull: Bool { state.withLock { $0.load >= loadLimit } }
    var hasRoom: Bool { state.withLock { $0.load <= loadLimit / 2 } }
    var deliveredAssignment: Int { state.withLock { $0.deliveredAssignment } }

    // MARK: the poll thread's side

    func append(_ records: [ConsumerRecord]) {
        deliver { state in
            let wanted = state.paused.isEmpty && state.seeking.isEmpty ? records : state.sift(records)
            state.appendRecords(wanted)
        }
    }

    func append(_ event: ConsumerEvent, assignment: Int? = nil) {
        deliver { state in
            // A failure that repeats while nobody listens must not fill the memory.
            if case .failed(let error) = event, state.contains(error) { return }
            state.entries.append(Entry(event: event, assignment: assignment))
        }
    }

    /// Forgets what was read ahead: its partitions are ours no longer.
    func discardRecords() {
        state.withLock { state in
            state.entries.removeAll { if case .records = $0.event { true } else { false } }
            state.load = 0
            state.held = [:]
            state.paused = []
        }
    }

    func seekCarriedOut(_ partition: TopicPartition) {
        state.withLock { state in
            let left = (state.seeking[partition] ?? 0) - 1
            state.seeking[partition] = left > 0 ? left : nil
        }
    }

    func finish() {
        let waiters = state.withLock { state in
            state.isFinished = true
            state.entries = []
            state.held = [:]
            defer { state.waiters = [] }
            return state.waiters
        }
        for (_, waiter) in waiters { waiter.resume(returning: nil) }
    }

    private func deliver(_ change: (inout State) -> Void) {
        let handed = state.withLock { state -> (Waiter, ConsumerEvent)? in
            guard !state.isFinished else { return nil }
            change(&state)
            guard let first = state.waiters.first, let event = state.take() else { return nil }
            state.waiters.removeFirst()
            return (first.waiter, event)
        }
        if let (waiter, event) = handed { waiter.resume(returning: event) }
    }

    // MARK: the application's side

    func pause(_ partitions: [TopicPartition]) {
        state.withLock { state in
            state.paused.formUnion(partitions)
            state.resift()
        }
    }

    func resume(_ partitions: [TopicPartition]) {
        deliver { state in
            state.paused.subtract(partitions)
            for partition in partitions {
                guard let records = state.held.removeValue(forKey: partition) else { continue }
                state.appendRecords(records)
            }
        }
    }

    func seek(_ partition: TopicPartition) {
        state.withLock { state in
            state.seeking[partition, default: 0] += 1
            state.held[partition] = nil
            state.resift()
        }
    }

    /// The next event; nil once finished, or when the task is cancelled.
    func next() async -> ConsumerEvent? {
        let number = state.withLock { state in
            state.nextNumber += 1
            return state.nextNumber
        }
        return await withTaskCancellationHandler {
            await withCheckedContinuation { wait(number, $0) }
        } onCancel: {
            cancel(number)
        }
    }

    private func wait(_ number: Int, _ waiter: Waiter) {
        let answer: ConsumerEvent?? = state.withLock { state in
            if state.cancelled.remove(number) != nil || state.isFinished { return .some(nil) }
            if let event = state.take() { return event }
            state.waiters.append((number, waiter))
            return .none
        }
        if let answer { waiter.resume(returning: answer) }
    }

    private func cancel(_ number: Int) {
        let waiter = state.withLock { state -> Waiter? in
            if let index = state.waiters.firstIndex(where: { $0.number == number }) {
                return state.waiters.remove(at: index).waiter
            }
            state.cancelled.insert(number)
            return nil
        }
        waiter?.resume(returning: nil)
    }
}
