public import PostgresClient

/// The transactional outbox: an event is written in the transaction of the change it tells of, so it
/// exists if and only if that change does.
///
/// Source: Chris Richardson, "Pattern: Transactional outbox", microservices.io.
public enum Outbox {
    private static let append: Statement = """
        INSERT INTO outbox (slot, event_id, topic, key, version, headers, payload)
        SELECT slot, $1, $2, $3, $4, $5::text[], $6 FROM outbox_writer
        """

    /// Appends in the caller's transaction, in the order given and in one round trip. There is no way to
    /// append without a transaction.
    ///
    /// The caller must hold the row lock of every aggregate that a `key` names: that lock makes the
    /// order of ids the order of commits.
    public static func append(
        _ events: [OutboxEvent],
        in tx: borrowing Transaction
    ) async throws(DatabaseError) {
        guard !events.isEmpty else { return }
        for rows in try await tx.pipeline(events.map(insertion)) where rows.affectedRowCount != 1 {
            throw .unexpectedResult("outbox_writer has no row")
        }
    }

    public static func append(
        _ event: OutboxEvent,
        in tx: borrowing Transaction
    ) async throws(DatabaseError) {
        try await append([event], in: tx)
    }

    private static func insertion(of event: OutboxEvent) -> BoundStatement {
        BoundStatement(
            append,
            event.id,
            event.topic,
            event.key,
            event.version,
            event.headers.flatMap { [$0.name, $0.value] },
            event.payload
        )
    }
}
