public import Determinism
public import Logging
public import ServiceLifecycle
import Synchronization

/// What one check said last.
public struct HealthResult: Sendable, Equatable {
    public enum Status: String, Sendable { case ok, failing, pending, stale }

    public let name: String
    public let isRequired: Bool
    public let status: Status
    /// Why it fails, for operators. Nil when it is fine.
    public let reason: String?
    public let checkedAt: Timestamp?
}

/// Named checks of what a program needs from outside, run in the background; asking for the result never waits.
///
/// Liveness is not here on purpose: a process whose database is down must not be restarted for it.
public final class HealthRegistry: Service {
    /// Throws when the thing checked cannot be used. Should end soon when its task is cancelled.
    public typealias Check = @Sendable () async throws -> Void

    private struct Entry {
        let name: String
        let isRequired: Bool
        let check: Check
        var last: (reason: String?, at: Timestamp, uptime: Duration)?
    }

    private struct State {
        var entries: [Entry] = []
        var hasStarted = false
        var isStopping = false
    }

    private let state = Mutex(State())
    private let time: any TimeSource
    private let interval: Duration
    private let logger: Logger

    /// - Parameter interval: between two runs of one check. A result older than three of them plus ten seconds is stale,
    ///   which counts as failing: a check that hangs must not look healthy.
    public init(time: any TimeSource, logger: Logger, interval: Duration = .seconds(2)) {
        self.time = time
        self.interval = interval
        self.logger = logger
    }

    /// Adds a check; before `run()` begins.
    public func add(_ name: String, required: Bool = true, _ check: @escaping Check) {
        state.withLock { $0.entries.append(Entry(name: name, isRequired: required, check: check)) }
    }

    /// Start-up work (migrations, first leases) is over.
    public func markStarted() { state.withLock { $0.hasStarted = true } }

    public var isStarted: Bool { state.withLock { $0.hasStarted } }

    /// Started, not stopping, and every required check is fine.
    public var isReady: Bool {
        let (isOpen, results) = (state.withLock { $0.hasStarted && !$0.isStopping }, results)
        return isOpen && results.allSatisfy { !$0.isRequired || $0.status == .ok }
    }

    /// The last results, in the order the checks were added.
    public var results: [HealthResult] {
        let now = time.uptime
        return state.withLock { state in state.entries.map { result(of: $0, at: now) } }
    }

    /// Runs the checks until shutdown begins; from then on the program is not ready.
    public func run() async throws {
        let checks = state.withLock { $0.entries.map(\.check) }
        await withGracefulShutdownHandler {
            await cancelWhenGracefulShutdown {
                await withDiscardingTaskGroup { group in
                    for (index, check) in checks.enumerated() {
                        group.addTask { await self.repeatedly(check, at: index) }
                    }
                    // A registry without checks still has to outlive the other services.
                    group.addTask { while (try? await self.time.sleep(for: .seconds(3_600))) != nil {} }
                }
            }
        } onGracefulShutdown: {
            self.state.withLock { $0.isStopping = true }
        }
    }

    private func repeatedly(_ check: Check, at index: Int) async {
        while !Task.isCancelled {
            var reason: String?
            do { try await check() } catch { reason = String(describing: error) }
            if Task.isCancelled { return }
            record(reason, at: index)
            guard (try? await time.sleep(for: interval)) != nil else { return }
        }
    }

    private func record(_ reason: String?, at index: Int) {
        let (now, uptime) = (time.now, time.uptime)
        let (name, before) = state.withLock { state in
            defer { state.entries[index].last = (reason, now, uptime) }
            return (state.entries[index].name, state.entries[index].last)
        }
        if let reason, before == nil || before?.reason == nil {
            logger.warning(
                "a health check began to fail",
                metadata: ["check": "\(name)", "reason": "\(reason)"]
            )
        } else if reason == nil, before?.reason != nil {
            logger.info("a health check is fine again", metadata: ["check": "\(name)"])
        }
    }

    private func result(of entry: Entry, at now: Duration) -> HealthResult {
        let status: HealthResult.Status
        var reason = entry.last?.reason
        if let last = entry.last {
            let isStale = now - last.uptime > interval * 3 + .seconds(10)
            status = isStale ? .stale : last.reason == nil ? .ok : .failing
            if isStale { reason = reason ?? "the check has not answered since" }
        } else {
            status = .pending
        }
        return HealthResult(
            name: entry.name,
            isRequired: entry.isRequired,
            status: status,
            reason: reason,
            checkedAt: entry.last?.at
        )
    }
}
