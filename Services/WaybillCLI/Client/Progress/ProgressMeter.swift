import Synchronization

/// How far a transfer has come, in bytes.
final class ProgressMeter: Sendable {
    struct Reading: Equatable, Sendable {
        var done: Int64 = 0
        /// Nil as long as nothing has begun.
        var total: Int64?
    }

    private let state = Mutex(Reading())

    var reading: Reading { state.withLock { $0 } }

    func start(total: Int64, done: Int64) {
        state.withLock { $0 = Reading(done: done, total: total) }
    }

    /// Less than nothing for bytes that have to be sent again.
    func add(_ byteCount: Int64) {
        state.withLock { $0.done = $0.done.addingReportingOverflow(byteCount).partialValue }
    }
}
