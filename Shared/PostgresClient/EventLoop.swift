internal import CLibpq
internal import Determinism
internal import Dispatch
internal import Glibc
internal import Synchronization

/// One thread that waits on sockets and timers and is also the executor of the actors that own those sockets, so no lock is
/// needed around libpq and a readiness callback may use `assumeIsolated`.
///
/// The thread starts with the first job. After `stop()` it ends as soon as it has nothing to run; a late job (a deinit) starts it
/// once more for just that, so no job is ever left behind.
///
/// `@unchecked Sendable`: `shared` is under a mutex; `poller` and `timers` are touched by the loop's thread alone, and there is
/// never more than one such thread (`isRunning`).
final class EventLoop: SerialExecutor, @unchecked Sendable {
    private enum Item {
        case job(UnownedJob)
        case taskJob(UnownedJob, LoopTaskExecutor)
        case work(@Sendable () -> Void)
    }
    private struct Shared {
        var items: [Item] = []
        var isRunning = false
        var isStopping = false
        /// Where the thread sleeps; nil while it is awake.
        var bed: Poller?
    }
    private struct Timer {
        let deadline: Duration
        let work: @Sendable () -> Void
    }

    private let shared = Mutex(Shared())
    private let threadID = Atomic<UInt>(0)
    private let time: any TimeSource
    private var poller: Poller?
    private var timers: [Timer] = []

    init(time: any TimeSource) { self.time = time }

    var now: Duration { time.uptime }

    func stop() {
        let bed = shared.withLock { shared in
            shared.isStopping = true
            return shared.bed.take()
        }
        bed?.wake()
    }

    func enqueue(_ job: consuming ExecutorJob) { enqueue(.job(UnownedJob(job))) }
    func enqueue(_ job: UnownedJob, from executor: LoopTaskExecutor) { enqueue(.taskJob(job, executor)) }
    /// Runs `work` on the loop's thread, after what is already queued.
    func submit(_ work: @escaping @Sendable () -> Void) { enqueue(.work(work)) }

    func asUnownedSerialExecutor() -> UnownedSerialExecutor { UnownedSerialExecutor(ordinary: self) }
    func isIsolatingCurrentContext() -> Bool? { isLoopThread }
    func checkIsolated() { precondition(isLoopThread) }
    private var isLoopThread: Bool { threadID.load(ordering: .relaxed) == UInt(pthread_self()) }

    // MARK: - On the loop's thread

    /// - Returns: a token for `modify` and `unwatch`; nil when the process is out of file descriptors.
    func watch(_ descriptor: Int32, _ interest: Poller.Interest, _ ready: @escaping @Sendable () -> Void)
        -> UInt64?
    {
        poller?.watch(descriptor, interest, ready)
    }
    func modify(_ token: UInt64, _ interest: Poller.Interest) { poller?.modify(token, interest) }
    func unwatch(_ token: UInt64) { poller?.unwatch(token) }

    /// Runs `work` once at or soon after `deadline` (as told by `now`). Not cancellable: `work` looks whether it still applies.
    func schedule(at deadline: Duration, _ work: @escaping @Sendable () -> Void) {
        timers.append(Timer(deadline: deadline, work: work))
    }

    // MARK: - The thread

    /// Only what finds the thread asleep wakes it, and outside the lock, for which the thread would wait at once.
    private func enqueue(_ item: Item) {
        let (bed, mustStart) = shared.withLock { shared in
            shared.items.append(item)
            defer { shared.isRunning = true }
            return (shared.bed.take(), !shared.isRunning)
        }
        bed?.wake()
        if mustStart { start() }
    }

    private func start() {
        let box = Unmanaged.passRetained(self)
        var thread = pthread_t()
        let code = pthread_create(
            &thread,
            nil,
            { raw in
                if let raw { Unmanaged<EventLoop>.fromOpaque(raw).takeRetainedValue().run() }
                return nil
            },
            box.toOpaque()
        )
        guard code != 0 else {
            pthread_detach(thread)
            return
        }
        // Out of threads: libdispatch keeps trying to get one.
        box.release()
        DispatchQueue.global().async { self.run() }
    }

    private func run() {
        threadID.store(UInt(pthread_self()), ordering: .relaxed)
        poller = Poller()
        var batch: [Item] = []
        while true {
            shared.withLock { shared in
                shared.bed = nil
                swap(&batch, &shared.items)
            }
            run(batch)
            batch.removeAll(keepingCapacity: true)
            fireTimers()
            switch nextStep() {
            case .end:
                if end() { return }
                poller = Poller()
            case .poll(let timeoutMilliseconds): poll(timeoutMilliseconds)
            }
        }
    }

    private func run(_ batch: [Item]) {
        for item in batch {
            switch item {
            case .job(let job): job.runSynchronously(on: asUnownedSerialExecutor())
            case .taskJob(let job, let executor):
                job.runSynchronously(on: executor.asUnownedTaskExecutor())
            case .work(let work): work()
            }
        }
    }

    private enum Step {
        case poll(timeoutMilliseconds: Int32)
        case end
    }

    /// Sleeps only if nothing has arrived since the last look, and says so in the same breath.
    private func nextStep() -> Step {
        let wait = waitMilliseconds()
        return shared.withLock { shared in
            guard shared.items.isEmpty else { return .poll(timeoutMilliseconds: 0) }
            if shared.isStopping || poller == nil && timers.isEmpty { return .end }
            shared.bed = poller
            return .poll(timeoutMilliseconds: wait)
        }
    }

    private func poll(_ timeoutMilliseconds: Int32) {
        if let poller { return poller.poll(timeoutMilliseconds: timeoutMilliseconds) }
        // Out of file descriptors: timers must go on, or callers would wait beyond their limit.
        usleep(10_000)
        poller = Poller()
    }

    /// - Returns: false when a job arrived meanwhile.
    private func end() -> Bool {
        // Outside the lock: dropping a closure may run a deinit that enqueues.
        timers.removeAll()
        poller = nil
        return shared.withLock { shared in
            guard shared.items.isEmpty else { return false }
            shared.isRunning = false
            return true
        }
    }

    private func fireTimers() {
        guard !timers.isEmpty else { return }
        let now = now
        let firstPending = timers.partition { $0.deadline > now }
        guard firstPending > 0 else { return }
        let due = timers[..<firstPending].sorted { $0.deadline < $1.deadline }
        timers.removeFirst(firstPending)
        for timer in due { timer.work() }
    }

    private func waitMilliseconds() -> Int32 {
        guard let next = timers.lazy.map(\.deadline).min() else { return -1 }
        return Int32(clamping: max(0, (next - now).wholeMilliseconds) + 1)
    }
}

/// Keeps a task's own code on the loop's thread, so that a chain of statements needs no thread switch. A separate object on
/// purpose: the runtime compares task executors to decide whether a switch is needed.
final class LoopTaskExecutor: TaskExecutor {
    private let loop: EventLoop
    init(_ loop: EventLoop) { self.loop = loop }
    func enqueue(_ job: consuming ExecutorJob) { loop.enqueue(UnownedJob(job), from: self) }
    func asUnownedTaskExecutor() -> UnownedTaskExecutor { UnownedTaskExecutor(ordinary: self) }
}
