public import PostgresClient

/// Rows that can never be published, and what follows them under the same key: they wait here, in order,
/// so that they block their own key only.
///
/// Rows wait here in the order of ids, and the key's later rows join them, until an operator has the key tried again.
extension TickStore {
    private static let parkedKeys: Statement = "SELECT DISTINCT key FROM outbox_parked"
    private static let fence: Statement = """
        SELECT 1 FROM outbox_tick
         WHERE epoch = $1 AND incarnation = coalesce($2, incarnation)
           AND incarnation = current_setting('waybill.incarnation', true) FOR SHARE
        """
    private static let park: Statement = """
        INSERT INTO outbox_parked (id, event_id, topic, key, version, headers, payload, reason)
        SELECT id, event_id, topic, key, version, headers, payload, $2 FROM outbox WHERE id = ANY ($1)
        ON CONFLICT (id) DO NOTHING
        """
    private static let parkedRows: Statement = """
        SELECT id, topic, key, version, headers, payload
          FROM outbox_parked WHERE key = $1 AND id > $2 ORDER BY id LIMIT $3
        """
    private static let unpark: Statement = "DELETE FROM outbox_parked WHERE key = $1 AND id <= $2"
    private static let hasNotes: Statement = "SELECT to_regclass('outbox_unparked') IS NOT NULL"
    /// Every hold has gone past them without taking note.
    private static let unparkNoting: Statement = """
        WITH published AS (DELETE FROM outbox_parked WHERE key = $1 AND id <= $2 RETURNING key, id, topic, version)
        INSERT INTO outbox_unparked (hold, key, id, topic, version)
        SELECT h.name, p.key, p.id, p.topic, p.version FROM published p, outbox_holds h ON CONFLICT DO NOTHING
        """
    private static let parkedCount: Statement = "SELECT count(*) FROM outbox_parked"

    public func parkedKeys() async throws(DatabaseError) -> Set<String> {
        var keys: Set<String> = []
        for row in try await pool.query(Self.parkedKeys) { keys.insert(try row.text(0)) }
        return keys
    }

    public func parkedCount() async throws(DatabaseError) -> Int64 {
        try await pool.query(Self.parkedCount).first?.int64(0) ?? 0
    }

    /// Copies rows aside. They are durable there before the relay moves past them.
    public func park(_ ids: [Int64], reason: String, by leader: TickLeader) async throws(TickFailure) {
        guard !ids.isEmpty else { return }
        _ = try await fenced(leader.epoch, in: leader.incarnation) { tx throws(DatabaseError) in
            try await tx.execute(Self.park, ids, reason)
        }
    }

    public func parkedRows(
        of key: String,
        after id: Int64,
        limit: Int = 100
    ) async throws(TickFailure) -> [OutboxRow] {
        do throws(DatabaseError) {
            return try await pool.query(Self.parkedRows, key, id, limit).map(outboxRow)
        } catch { throw .database(error) }
    }

    /// Forgets parked rows of `key` up to `id`, which have been published meanwhile, but for the holds that are to take note.
    public func unpark(_ key: String, through id: Int64, by leader: TickLeader) async throws(TickFailure) {
        _ = try await fenced(leader.epoch, in: leader.incarnation) { tx throws(DatabaseError) in
            let hasNotes = try await tx.query(Self.hasNotes).first?.bool(0) ?? false
            return try await tx.execute(hasNotes ? Self.unparkNoting : Self.unpark, key, id)
        }
    }

    /// Runs `body` in a transaction that holds the tick row, so that no newer epoch can begin before it ends.
    ///
    /// - Parameter incarnation: nil: whichever leader of that epoch was adopted in the server as it is now.
    func fenced<Value: Sendable>(
        _ epoch: Int64,
        in incarnation: String?,
        _ body: (borrowing Transaction) async throws(DatabaseError) -> Value
    ) async throws(TickFailure) -> Value {
        do {
            return try await pool.withTransaction {
                (tx: borrowing Transaction) async throws(TickFailure) -> Value in
                do throws(DatabaseError) {
                    try await tx.execute(ServerIncarnation.look)
                    if try await tx.query(Self.fence, epoch, incarnation).count == 1 {
                        return try await body(tx)
                    }
                } catch { throw .database(error) }
                throw .fenced
            }
        } catch { throw TickFailure(error) }
    }
}

extension TickFailure {
    init(_ failure: TransactionError<TickFailure>) {
        switch failure {
        case .rolledBack(let inner): self = inner
        case .notStarted(let inner), .commitOutcomeUnknown(let inner): self = .database(inner)
        case .commitRefused(let reason): self = .database(reason)
        }
    }
}
