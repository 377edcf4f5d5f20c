import CRdkafka
import Dispatch
import Synchronization

/// Brings commands to the poll thread and wakes it, wherever it waits.
///
/// `@unchecked Sendable`: the library's queue handle is used under the lock only, and not after `end`.
final class CommandQueue: @unchecked Sendable {
    private struct State {
        var commands: [ConsumerCommand] = []
        var isCloseAsked = false
        var hasEnded = false
        /// The poll thread waits on `signal` instead of in librdkafka.
        var isThreadParked = false
    }

    private let pollQueue: OpaquePointer
    private let signal = DispatchSemaphore(value: 0)
    private let state = Mutex(State())

    /// Takes ownership of `pollQueue`.
    init(pollQueue: OpaquePointer) { self.pollQueue = pollQueue }

    var isCloseAsked: Bool { state.withLock { $0.isCloseAsked } }

    func post(_ command: ConsumerCommand) {
        wake { $0.commands.append(command) }
    }

    func askToClose() {
        wake { $0.isCloseAsked = true }
    }

    /// Room appeared in the buffer.
    func wake() { wake { _ in } }

    private func wake(_ change: (inout State) -> Void) {
        let isParked = state.withLock { state in
            guard !state.hasEnded else { return false }
            change(&state)
            if !state.isThreadParked { rd_kafka_queue_yield(pollQueue) }
            return state.isThreadParked
        }
        if isParked { signal.signal() }
    }

    // MARK: the poll thread's side

    func take() -> [ConsumerCommand] {
        state.withLock { state in
            defer { state.commands = [] }
            return state.commands
        }
    }

    /// Returns when something was posted, room appeared, or `milliseconds` are over.
    func park(milliseconds: Int, unless isNeedless: () -> Bool) {
        let isIdle = state.withLock { state in
            state.isThreadParked = state.commands.isEmpty && !state.isCloseAsked
            return state.isThreadParked
        }
        // Asked after parking: room that appears from here on signals.
        if isIdle, !isNeedless() { _ = signal.wait(timeout: .now() + .milliseconds(milliseconds)) }
        state.withLock { $0.isThreadParked = false }
    }

    func end() {
        state.withLock { state in
            state.hasEnded = true
            state.commands = []
            rd_kafka_queue_destroy(pollQueue)
        }
    }
}
