import Determinism
import Synchronization

/// Where tasks sleep for seconds, most of which are called away before their time: limits of requests, renewals of leases.
///
/// `Task.sleep` keeps its timer and the task behind it until the time has come, cancelled or not: at a thousand requests a second with a
/// limit of half a minute those are 30 000. Here they wait in slots by when they are due, what is called away is
/// forgotten, and all share a few timers, as a rule one.
///
/// Source: Varghese and Lauck, "Hashed and Hierarchical Timing Wheels", 1987: slots, but of a dictionary instead of a ring.
final class TimingWheel: Sendable {
    typealias Sleeper = CheckedContinuation<Bool, Never>

    struct State {
        var slots: [Int64: [UInt64: Sleeper]] = [:]
        var lastSleeper: UInt64 = 0
        /// The slots that a timer is set for. One is only added that is earlier than all others, so they stay few.
        var timers: Set<Int64> = []

        /// True when none is set that goes off in time: now one has to be.
        mutating func needsTimer(for slot: Int64) -> Bool {
            timers.allSatisfy { slot < $0 } && timers.insert(slot).inserted
        }
    }

    /// How much later than asked a sleeper may be woken.
    static let slotLength: Duration = .milliseconds(50)
    /// A century; who asks for more sleeps for that.
    private static let longest: Duration = .seconds(100 * 365 * 86_400)

    private let time: any TimeSource
    let state = Mutex(State())

    init(_ time: any TimeSource) { self.time = time }

    /// Never returns before the time; throws as soon as the task is cancelled.
    func sleep(for duration: Duration) async throws(CancellationError) {
        let slot = Self.slot(after: time.uptime + min(duration, Self.longest))
        let sleeper = state.withLock { state in
            state.lastSleeper += 1
            return state.lastSleeper
        }
        let isOver = await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                let needsTimer = state.withLock { state in
                    state.slots[slot, default: [:]][sleeper] = continuation
                    return state.needsTimer(for: slot)
                }
                if needsTimer { setTimer(for: slot) }
                // Cancelled before it lay down: nobody was there to be called away.
                if Task.isCancelled { callAway(sleeper, from: slot) }
            }
        } onCancel: {
            callAway(sleeper, from: slot)
        }
        guard isOver else { throw CancellationError() }
    }

    private func callAway(_ sleeper: UInt64, from slot: Int64) {
        state.withLock { state in
            let continuation = state.slots[slot]?.removeValue(forKey: sleeper)
            if state.slots[slot]?.isEmpty == true { state.slots[slot] = nil }
            return continuation
        }?.resume(returning: false)
    }

    private func setTimer(for slot: Int64) {
        // Detached: it serves others than the task that happens to set it.
        Task.detached { [self] in
            let rest = Self.end(of: slot) - time.uptime
            if rest > .zero { try? await Task.sleep(for: rest) }
            wake(after: slot)
        }
    }

    private func wake(after slot: Int64) {
        let now = time.uptime
        let (sleepers, next) = state.withLock { state in
            state.timers.remove(slot)
            let due = state.slots.keys.filter { Self.end(of: $0) <= now }
            let sleepers = due.compactMap { state.slots.removeValue(forKey: $0) }
            let next = state.slots.keys.min()
            return (sleepers, next.flatMap { state.needsTimer(for: $0) ? $0 : nil })
        }
        if let next { setTimer(for: next) }
        for sleeper in sleepers.joined() { sleeper.value.resume(returning: true) }
    }

    private static func slot(after time: Duration) -> Int64 {
        time.wholeMicroseconds / slotLength.wholeMicroseconds + 1
    }

    private static func end(of slot: Int64) -> Duration { slotLength * slot }
}
