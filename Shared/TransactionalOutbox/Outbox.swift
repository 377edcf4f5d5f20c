public import PostgresClient

/// The transactional outbox: an event is written in the transaction of the change it tells of, so it
/// exists if and only if that change does.
///
/// Source: Chris Richardson, "Pattern: Transactional outbox", microservices.io.
public enum Outbox {
    /// Without a row in `outbox_writer` there is no slot, which the table refuses.
    private static let append: Statement = """
        INSERT INTO outbox (slot, event_id, topic, key, version, headers, payload)
        VALUES ((SELECT slot FROM outbox_writer), $1, $2, $3, $4, $5::text[], $6)
        """

    /// Appends in the caller's transaction, in the order given and without a round trip: the events travel with the next statement, or with
    /// COMMIT, which take no effect when they are refused. There is no way to append without a transaction.
    ///
    /// The caller must hold the row lock of every aggregate that a `key` names: that lock makes the
    /// order of ids the order of commits.
    public static func append(
        _ events: [OutboxEvent],
        in tx: borrowing Transaction
    ) throws(DatabaseError) {
        for event in events { try tx.enqueue(insertion(of: event)) }
    }

    public static func append(
        _ event: OutboxEvent,
        in tx: borrowing Transaction
    ) throws(DatabaseError) {
        try append([event], in: tx)
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
