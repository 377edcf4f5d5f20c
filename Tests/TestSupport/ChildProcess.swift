import Dispatch
import Foundation
import Synchronization

/// A child process watched by three threads: one spawns and reaps it, one reads each of its outputs.
///
/// The spawning thread lives as long as the child, because the parent-death signal of Linux is tied to the
/// thread that forked. The child is reaped under the lock that `signal` takes, so a signal can never reach
/// another process that was given the same id.
final class ChildProcess: Sendable {
    let name: String
    let processID: pid_t
    private let watched: WatchedProcess

    private init(name: String, processID: pid_t, watched: WatchedProcess) {
        self.name = name
        self.processID = processID
        self.watched = watched
    }

    static func spawn(
        _ path: String,
        _ arguments: [String],
        environment: [String: String]
    ) async throws -> ChildProcess {
        let watched = WatchedProcess()
        let launch = Launch(path, arguments, environment: environment)
        let processID: pid_t = try await withCheckedThrowingContinuation { continuation in
            let thread = Thread {
                do {
                    let (child, output, errors) = try launch.run()
                    Thread.detachNewThread { read(output, \.standardOutput, into: watched) }
                    Thread.detachNewThread { read(errors, \.standardError, into: watched) }
                    continuation.resume(returning: child)
                    watched.reap(child)
                } catch {
                    continuation.resume(throwing: error)
                }
            }
            thread.start()
        }
        let name = path.split(separator: "/").last.map(String.init) ?? path
        return ChildProcess(name: name, processID: processID, watched: watched)
    }

    /// Does nothing once the child has been reaped.
    func signal(_ number: Int32) { watched.signal(processID, number) }

    var ended: ProgramExit? { watched.ended }

    func exit(within limit: Duration) async throws -> ProgramExit {
        try await watched.wait(within: limit, orThrow: { self.silent }) { $0.exit.map { .success($0) } }
    }

    /// What the program has written so far.
    var output: ProgramOutput { watched.output }

    /// Everything the program wrote, once it has ended: its exit may be known before its last words are read.
    func finalOutput(within limit: Duration) async throws -> ProgramOutput {
        try await watched.wait(within: limit, orThrow: { self.silent }) { facts in
            facts.isOutputClosed ? .success(facts.output) : nil
        }
    }

    /// Fails as soon as the program has ended without writing such a line.
    func line(
        within limit: Duration,
        where predicate: @escaping @Sendable (String) -> Bool
    ) async throws -> String {
        try await watched.wait(within: limit, orThrow: { self.silent }) { facts in
            if let line = facts.lines.first(where: predicate) { return .success(line) }
            guard facts.isOutputClosed, let exit = facts.exit else { return nil }
            return .failure(.ended(self.name, exit, output: facts.lines.joined(separator: "\n")))
        }
    }

    private var silent: TestProgramFailure {
        .silent(name, output: watched.lines.suffix(200).joined(separator: "\n"))
    }
}

/// What is known about the child, and who waits for what.
final class WatchedProcess: Sendable {
    struct Facts {
        /// Of both streams, as they came.
        var lines: [String] = []
        var output = ProgramOutput()
        var openStreamCount = 2
        var exit: ProgramExit?

        var isOutputClosed: Bool { openStreamCount == 0 }
    }

    private struct State {
        var facts = Facts()
        var nextWaiter = 0
        /// Each looks at the facts, resumes its continuation when they suffice, and says whether it did.
        var waiters: [Int: (Facts) -> Bool] = [:]
    }

    private let state = Mutex(State())

    var lines: [String] { state.withLock { $0.facts.lines } }
    var output: ProgramOutput { state.withLock { $0.facts.output } }
    var ended: ProgramExit? { state.withLock { $0.facts.exit } }

    func change(_ body: (inout Facts) -> Void) {
        state.withLock { state in
            body(&state.facts)
            let facts = state.facts
            state.waiters = state.waiters.filter { !$0.value(facts) }
        }
    }

    func signal(_ processID: pid_t, _ number: Int32) {
        state.withLock { if $0.facts.exit == nil { _ = kill(processID, number) } }
    }

    /// Blocks the calling thread until the child has ended.
    func reap(_ processID: pid_t) {
        var info = siginfo_t()
        while waitid(P_PID, id_t(processID), &info, WEXITED | WNOWAIT) == -1, errno == EINTR {}
        change { facts in
            var status: Int32 = 0
            while waitpid(processID, &status, 0) == -1, errno == EINTR {}
            let signal = status & 0x7f
            facts.exit = signal == 0 ? .exited((status >> 8) & 0xff) : .signalled(signal)
        }
    }

    /// The first result `match` finds in the facts, now or later.
    func wait<Value: Sendable>(
        within limit: Duration,
        orThrow late: @escaping @Sendable () -> TestProgramFailure,
        _ match: @escaping @Sendable (Facts) -> Result<Value, TestProgramFailure>?
    ) async throws -> Value {
        try await withCheckedThrowingContinuation { continuation in
            let waiter: Int? = state.withLock { state in
                if let found = match(state.facts) {
                    continuation.resume(with: found)
                    return nil
                }
                state.nextWaiter += 1
                state.waiters[state.nextWaiter] = { facts in
                    guard let found = match(facts) else { return false }
                    continuation.resume(with: found)
                    return true
                }
                return state.nextWaiter
            }
            guard let waiter else { return }
            DispatchQueue.global().asyncAfter(deadline: .now() + limit.inSeconds) {
                let removed = self.state.withLock { $0.waiters.removeValue(forKey: waiter) != nil }
                if removed { continuation.resume(throwing: late()) }
            }
        }
    }
}

extension Duration {
    fileprivate var inSeconds: Double {
        Double(components.seconds) + Double(components.attoseconds) / 1e18
    }
}

/// Keeps what comes from one of the child's streams, until the child closes it.
private func read(
    _ source: FileHandle,
    _ stream: any WritableKeyPath<ProgramOutput, [UInt8]> & Sendable,
    into watched: WatchedProcess
) {
    var partial: [UInt8] = []
    while true {
        let bytes = [UInt8](source.availableData)
        if bytes.isEmpty { break }
        // What was read before is not looked at again: a line may be megabytes.
        let pieces = bytes.split(separator: 10, omittingEmptySubsequences: false)
        var lines: [String] = []
        for (index, piece) in pieces.enumerated() {
            if index > 0 {
                lines.append(String(decoding: partial, as: UTF8.self))
                partial = []
            }
            partial += piece
        }
        watched.change { facts in
            facts.output[keyPath: stream] += bytes
            facts.lines += lines
        }
    }
    watched.change { facts in
        if !partial.isEmpty { facts.lines.append(String(decoding: partial, as: UTF8.self)) }
        facts.openStreamCount -= 1
    }
}
