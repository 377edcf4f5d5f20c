internal import Determinism
internal import Logging
internal import Synchronization

/// Lending connections.
extension PostgresPool {
    /// Waits in line for a connection, at most `leaseWaitLimit`.
    func lease() async throws(DatabaseError) -> Connection {
        while let connection = guarded.withLock({ $0.pool.takeIdle() }) {
            if connection.isReusable.load(ordering: .acquiring) { return connection }
            release(connection)
        }
        let deadline = time.uptime + settings.leaseWaitLimit
        let id = guarded.withLock { guarded in
            guarded.lastWaiterID &+= 1
            return guarded.lastWaiterID
        }
        let answer = await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                enterLine(continuation, id: id, deadline: deadline)
            }
        } onCancel: {
            leaveLine(id)
        }
        return try answer.get()
    }

    /// Every leased connection comes back here, whatever happened to it.
    func release(_ connection: Connection) {
        let isReusable = connection.isReusable.load(ordering: .acquiring)
        settle(connection, guarded.withLock { $0.pool.release(connection, isReusable: isReusable) })
    }

    private func enterLine(
        _ continuation: CheckedContinuation<Result<Connection, DatabaseError>, Never>,
        id: UInt64,
        deadline: Duration
    ) {
        let (answer, mustArm) = guarded.withLock { guarded -> (Result<Connection, DatabaseError>?, Bool) in
            guard !guarded.pool.isClosed else { return (.failure(.unavailable("the pool is closed")), false) }
            if let connection = guarded.pool.takeIdle() { return (.success(connection), false) }
            guarded.pool.wait(continuation, id: id, deadline: deadline)
            defer { guarded.isExpiryArmed = true }
            return (nil, !guarded.isExpiryArmed)
        }
        if let answer { return continuation.resume(returning: answer) }
        if mustArm { armExpiry(deadline) }
        // The handler may have run before there was a place to leave.
        if Task.isCancelled { leaveLine(id) }
        openAsNeeded()
    }

    private func leaveLine(_ id: UInt64) {
        let waiter = guarded.withLock { $0.pool.leave(id) }
        waiter?.resume(returning: .failure(.cancelled))
    }

    // MARK: - Waiting limit

    /// One timer for the whole line.
    private func armExpiry(_ deadline: Duration) {
        loop.submit { [weak self, loop] in
            loop.schedule(at: deadline) { [weak self] in self?.expire() }
        }
    }

    private func expire() {
        let now = time.uptime
        let (expired, next, reason) = guarded.withLock { guarded in
            let expired = guarded.pool.expire(now: now)
            let next = guarded.pool.line.firstDeadline
            guarded.isExpiryArmed = next != nil
            return (expired, next, self.waitReason(guarded.pool))
        }
        for waiter in expired { waiter.resume(returning: .failure(.unavailable(reason))) }
        if let next { armExpiry(next) }
    }

    private func waitReason(_ pool: State) -> String {
        if let failure = pool.lastFailure { return failure.reasonText }
        return
            "no connection within \(settings.leaseWaitLimit): \(pool.leased.count) of \(pool.connectionLimit) in use"
    }

    // MARK: - Opening and closing connections

    func openAsNeeded() {
        let now = time.uptime
        let plan = guarded.withLock { $0.pool.planOpenings(now: now) }
        for _ in 0..<plan.count { Task { await self.openOne() } }
        guard let retryAt = plan.retryAt else { return }
        loop.submit { [weak self, loop] in
            loop.schedule(at: retryAt) { [weak self] in
                guard let self else { return }
                self.guarded.withLock { $0.pool.retryIsDue() }
                self.openAsNeeded()
            }
        }
    }

    private func openOne() async {
        let connection = Connection(
            settings: settings,
            loop: loop,
            logger: logger,
            onClose: { [weak self] connection in self?.guarded.withLock { $0.pool.lost(connection) } }
        )
        do throws(DatabaseError) {
            try await connection.open()
            settle(connection, guarded.withLock { $0.pool.opened(connection) })
            openAsNeeded()
        } catch { openingFailed(error) }
    }

    private func dropIfIdle(_ connection: Connection) { guarded.withLock { $0.pool.lost(connection) } }

    private func openingFailed(_ failure: DatabaseError) {
        let now = time.uptime
        guarded.withLock { guarded in
            guarded.pool.openingFailed(failure, now: now) { count in
                // 50 ms doubling to 1 s, the upper half random.
                let full = Duration.milliseconds(min(1000, 25 << min(count, 6)))
                return full / 2 + self.random.jitter(upTo: full / 2)
            }
        }
        logger.warning("cannot connect to PostgreSQL", metadata: ["reason": .string(failure.reasonText)])
        openAsNeeded()
        resumeDrainWaiters()
    }

    func settle(_ connection: Connection, _ handoff: State.Handoff) {
        switch handoff {
        case .give(let waiter): waiter.resume(returning: .success(connection))
        case .keep:
            // It may have died between the look and the pool's taking it back; its own notice may have come before that.
            if !connection.isReusable.load(ordering: .acquiring) { dropIfIdle(connection) }
        case .discard:
            loop.submit { connection.assumeIsolated { $0.close(.unavailable("not reusable")) } }
            openAsNeeded()
        }
        resumeDrainWaiters()
    }

    func resumeDrainWaiters() {
        let waiters = guarded.withLock { guarded in
            guard guarded.pool.isClosed, guarded.pool.isDrained else {
                return [CheckedContinuation<Void, Never>]()
            }
            defer { guarded.drainWaiters = [] }
            return guarded.drainWaiters
        }
        for waiter in waiters { waiter.resume() }
    }
}

extension DatabaseError {
    /// The reason alone, without the kind.
    var reasonText: String {
        if case .unavailable(let reason) = self { return reason }
        return description
    }
}
