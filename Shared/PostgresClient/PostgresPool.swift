public import Determinism
public import Logging
internal import ServiceLifecycle
internal import Synchronization

/// A bounded pool of connections to one database.
///
/// Connections are opened when somebody waits for one, kept while they are healthy and replaced when they are not; after an outage
/// the pool recovers by itself. One I/O thread serves all of them. Safe to use before `run()`; after `close()` every call
/// throws `.unavailable`.
public final class PostgresPool: Sendable {
    typealias State = PoolState<Connection, CheckedContinuation<Result<Connection, DatabaseError>, Never>>
    struct Guarded {
        var pool: State
        var lastWaiterID: UInt64 = 0
        var isExpiryArmed = false
        var listeners: [Task<Void, Never>] = []
        var drainWaiters: [CheckedContinuation<Void, Never>] = []
    }

    public let settings: PostgresSettings
    /// Runs a task on the pool's I/O thread, so that its statements need no thread switch (about a quarter more
    /// operations per second). Only for tasks that do little but SQL: whatever else they compute delays every other statement.
    public var taskExecutor: any TaskExecutor { loopTaskExecutor }

    let time: any TimeSource
    let random: any RandomSource
    let logger: Logger
    let loop: EventLoop
    let loopTaskExecutor: LoopTaskExecutor
    let guarded: Mutex<Guarded>

    /// Opens nothing yet.
    public init(_ settings: PostgresSettings, time: any TimeSource, random: any RandomSource, logger: Logger)
    {
        self.settings = settings
        self.time = time
        self.random = random
        self.logger = logger
        loop = EventLoop(time: time)
        loopTaskExecutor = LoopTaskExecutor(loop)
        guarded = Mutex(Guarded(pool: State(connectionLimit: settings.connectionLimit)))
    }

    deinit {
        for listener in guarded.withLock({ $0.listeners }) { listener.cancel() }
        loop.stop()
    }

    public var statistics: PoolStatistics {
        guarded.withLock { guarded in
            PoolStatistics(
                open: guarded.pool.openCount,
                idle: guarded.pool.idle.count,
                waiting: guarded.pool.line.count,
                leases: guarded.pool.leased.count
            )
        }
    }
}

/// One moment of a pool, for metrics.
public struct PoolStatistics: Equatable, Sendable {
    public let open: Int
    public let idle: Int
    /// Callers that wait for a connection.
    public let waiting: Int
    /// Connections lent to a caller.
    public let leases: Int

    public init(open: Int, idle: Int, waiting: Int, leases: Int) {
        self.open = open
        self.idle = idle
        self.waiting = waiting
        self.leases = leases
    }
}
