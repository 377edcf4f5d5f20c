internal import Determinism
public import ServiceLifecycle
internal import Synchronization

extension PostgresPool: Service {
    /// Returns after graceful shutdown (or cancellation), with every connection closed.
    public func run() async throws {
        // Throws when the task is cancelled instead of shut down: the way out is the same.
        try? await gracefulShutdown()
        await close()
    }

    /// Refuses new work, waits for leased connections to come back (at most `statementTimeout`), then closes what is left and frees
    /// the I/O thread and its descriptors. May be called more than once; is not cut short by cancellation.
    public func close() async {
        let (closing, listeners) = guarded.withLock { guarded in
            defer { guarded.listeners = [] }
            return (guarded.pool.close(), guarded.listeners)
        }
        for listener in listeners { listener.cancel() }
        for waiter in closing.waiters {
            waiter.resume(returning: .failure(.unavailable("the pool is closed")))
        }
        for connection in closing.idle { await connection.close(.unavailable("the pool is closed")) }
        await drain()
        for listener in listeners { await listener.value }
        loop.stop()
    }

    private func drain() async {
        let deadline = time.uptime + settings.statementTimeout
        loop.submit { [weak self, loop] in
            loop.schedule(at: deadline) { [weak self] in self?.closeLeased() }
        }
        await withCheckedContinuation { continuation in
            guarded.withLock { $0.drainWaiters.append(continuation) }
            resumeDrainWaiters()
        }
    }

    /// Those who hold one get `.connectionLost`. Who does not even give it back then is not waited for.
    private func closeLeased() {
        for connection in guarded.withLock({ Array($0.pool.leased.values) }) {
            connection.assumeIsolated { $0.close(.connectionLost("the pool was closed")) }
        }
        let waiters = guarded.withLock { guarded in
            defer { guarded.drainWaiters = [] }
            return guarded.drainWaiters
        }
        for waiter in waiters { waiter.resume() }
    }
}
