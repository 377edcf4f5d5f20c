import Glibc
import UnixSignals

/// Cancels `body` when the user (SIGINT) or the system (SIGTERM) asks for an end, and waits until it has ended. A second
/// signal ends the process at once.
func untilInterrupted<Value: Sendable>(_ body: @escaping @Sendable () async -> Value) async -> Value {
    let signals = await UnixSignalsSequence(trapping: .sigint, .sigterm)
    let work = Task { await body() }
    let watch = Task {
        for await _ in signals {
            signal(SIGINT, SIG_DFL)
            signal(SIGTERM, SIG_DFL)
            work.cancel()
        }
    }
    let value = await work.value
    watch.cancel()
    return value
}
