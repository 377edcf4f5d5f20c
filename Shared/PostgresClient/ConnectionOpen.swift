internal import CLibpq
internal import Determinism

/// Opening a session.
extension Connection {
    /// Connects, sets the session up and enters pipeline mode. On failure everything is freed.
    /// - Throws: `.unavailable` with libpq's reason.
    func open() async throws(DatabaseError) {
        do throws(DatabaseError) {
            try await establish()
            try watchSession()
            let answer = await run(
                .script(try sessionSetup()),
                limit: settings.connectTimeout,
                isCancellable: false
            )
            _ = try answer.get()
        } catch {
            let reason = Self.unavailable(error)
            close(reason)
            throw reason
        }
    }

    private func establish() async throws(DatabaseError) {
        let deadline = loop.now + settings.connectTimeout
        guard let handle = try startConnecting() else { throw .unavailable("out of memory") }
        adopt(handle)
        guard PQstatus(handle) != CONNECTION_BAD else { throw .unavailable(libpqMessage) }
        var polled = PGRES_POLLING_WRITING
        while polled != PGRES_POLLING_OK {
            try await waitForSocket(polled == PGRES_POLLING_READING ? .read : .write, until: deadline)
            polled = PQconnectPoll(raw)
            guard polled != PGRES_POLLING_FAILED else { throw .unavailable(libpqMessage) }
        }
        guard PQsetnonblocking(raw, 1) == 0 else { throw .unavailable(libpqMessage) }
    }

    /// What stands before `dbname` may be overridden by the conninfo, what stands after may not.
    private func startConnecting() throws(DatabaseError) -> OpaquePointer? {
        guard Self.isReadable(settings.conninfo) else {
            // libpq's own message would quote the string, and with it a password.
            throw .unavailable(
                "the connection string is neither a valid postgresql:// URI nor a keyword list"
            )
        }
        let parameters = [
            ("fallback_application_name", settings.applicationName),
            ("keepalives_idle", "30"), ("keepalives_interval", "10"), ("keepalives_count", "3"),
            ("dbname", settings.conninfo),
            ("client_encoding", "UTF8"),
        ]
        var keywords = parameters.map { UnsafePointer(copy($0.0)) as UnsafePointer<CChar>? }
        var values = parameters.map { UnsafePointer(copy($0.1)) as UnsafePointer<CChar>? }
        defer { for case let pointer? in keywords + values { pointer.deallocate() } }
        keywords.append(nil)
        values.append(nil)
        return PQconnectStartParams(keywords, values, 1)
    }

    private static func isReadable(_ conninfo: String) -> Bool {
        guard let options = PQconninfoParse(conninfo, nil) else { return false }
        PQconninfoFree(options)
        return true
    }

    /// libpq may have changed sockets since the last poll (next address, TLS refused), so each wait registers anew.
    private func waitForSocket(_ interest: Poller.Interest, until deadline: Duration)
        async throws(DatabaseError)
    {
        let wait = SocketWait()
        let isReady = await withCheckedContinuation { (continuation: CheckedContinuation<Bool, Never>) in
            wait.continuation = continuation
            watchToken = loop.watch(PQsocket(raw), interest) { [weak self] in
                self?.assumeIsolated { $0.end(wait, isReady: true) }
            }
            guard watchToken != nil else { return end(wait, isReady: false) }
            loop.schedule(at: deadline) { [weak self] in self?.assumeIsolated { $0.end(wait, isReady: false) }
            }
        }
        guard closeReason == nil else { throw .unavailable("the connection was closed") }
        guard isReady else { throw .unavailable("no connection within \(settings.connectTimeout)") }
    }

    private func end(_ wait: SocketWait, isReady: Bool) {
        guard let continuation = wait.continuation else { return }
        wait.continuation = nil
        if let watchToken { loop.unwatch(watchToken) }
        watchToken = nil
        continuation.resume(returning: isReady)
    }

    private func sessionSetup() throws(DatabaseError) -> String {
        var sql = """
            SET statement_timeout = \(milliseconds(settings.statementTimeout));
            SET idle_in_transaction_session_timeout = \(milliseconds(min(settings.idleLimit, settings.leaseLimit)));
            """
        // Compiling a statement takes longer than it saves: nearly all of ours read one page, and one that is told to walk an
        // index has a price that would start the compiler.
        sql += "SET jit = off;"
        // The server notices within a second that a cancelled client has gone; since PostgreSQL 14.
        if PQserverVersion(raw) >= 140_000 { sql += "SET client_connection_check_interval = 1000;" }
        if let schema = settings.schema { sql += "SET search_path TO \(try quotedIdentifier(schema));" }
        return sql
    }

    private func milliseconds(_ duration: Duration) -> Int32 {
        Int32(clamping: max(1, duration.wholeMilliseconds))
    }

    private static func unavailable(_ error: DatabaseError) -> DatabaseError {
        if case .unavailable = error { return error }
        return .unavailable(error.description)
    }
}

/// One wait for a socket. `@unchecked Sendable`: touched on the I/O loop alone.
private final class SocketWait: @unchecked Sendable {
    var continuation: CheckedContinuation<Bool, Never>?
}

private func copy(_ text: String) -> UnsafeMutablePointer<CChar> {
    let bytes = text.utf8CString
    let copy = UnsafeMutablePointer<CChar>.allocate(capacity: bytes.count)
    for (index, byte) in bytes.enumerated() { copy[index] = byte }
    return copy
}
