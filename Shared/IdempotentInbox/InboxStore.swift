public import PostgresClient

/// Every statement that touches `inbox`, `consumer_offsets` and `parked_records`; of the last, see its extensions.
public enum InboxStore {
    private static let claim: Statement = """
        INSERT INTO consumer_offsets (consumer, topic, partition, next_offset) VALUES ($1, $2, $3, 0)
        ON CONFLICT (consumer, topic, partition) DO UPDATE SET epoch = consumer_offsets.epoch + 1
        RETURNING epoch, next_offset
        """
    private static let advance: Statement = """
        UPDATE consumer_offsets SET next_offset = greatest(next_offset, $5)
         WHERE consumer = $1 AND topic = $2 AND partition = $3 AND epoch = $4 AND next_offset >= $6
        """
    /// Fences whoever consumes the topic now: it lets go and begins again where this says.
    private static let reset: Statement = """
        UPDATE consumer_offsets SET next_offset = 0, epoch = consumer_offsets.epoch + 1
          FROM consumer_offsets AS before
         WHERE before.consumer = consumer_offsets.consumer AND before.topic = consumer_offsets.topic
           AND before.partition = consumer_offsets.partition
           AND consumer_offsets.consumer = $1 AND consumer_offsets.topic = $2
        RETURNING consumer_offsets.partition, before.next_offset
        """
    /// What is new among events whose keys have nothing parked, and the keys that have. One statement, so that both are seen at
    /// the same moment.
    private static let sort: Statement = """
        WITH waiting AS (
            SELECT DISTINCT key FROM parked_records WHERE consumer = $1 AND key = ANY ($3::bytea[])
        ), fresh AS (
            INSERT INTO inbox (consumer, event_id)
            SELECT $1, id FROM unnest($2::text[], $3::bytea[]) AS new (id, key)
             WHERE NOT EXISTS (SELECT FROM waiting WHERE waiting.key = new.key)
            ON CONFLICT DO NOTHING RETURNING event_id
        )
        SELECT event_id, NULL::bytea FROM fresh UNION ALL SELECT NULL, key FROM waiting
        """
    /// The same where everything is expected to be new, and nothing parked: without ON CONFLICT an index is asked once instead of
    /// twice. All or nothing; one that was seen before fails the transaction.
    private static let rememberNew: Statement = """
        INSERT INTO inbox (consumer, event_id) SELECT $1, unnest($2::text[])
         WHERE NOT EXISTS (SELECT FROM parked_records WHERE consumer = $1 AND key = ANY ($3::bytea[]))
        """
    /// Never a caught duplicate-key error: that would abort the transaction.
    private static let remember: Statement = """
        INSERT INTO inbox (consumer, event_id) SELECT $1, unnest($2::text[])
        ON CONFLICT DO NOTHING RETURNING event_id
        """
    private static let seen: Statement = """
        SELECT event_id FROM inbox WHERE consumer = $1 AND event_id = ANY ($2::text[])
        """
    private static let forget: Statement = """
        DELETE FROM inbox WHERE ctid = ANY (ARRAY(
            SELECT ctid FROM inbox WHERE seen_at < now() - make_interval(days => $1) LIMIT $2))
        """

    /// Takes a partition over from whoever held it.
    ///
    /// - Returns: the claim, and the offset of the first record that is not applied yet.
    public static func claim(
        consumer: String,
        topic: String,
        partition: Int32,
        on pool: PostgresPool
    ) async throws(DatabaseError) -> (claim: PartitionClaim, nextOffset: Int64) {
        guard let row = try await pool.query(claim, consumer, topic, partition).first else {
            throw .unexpectedResult("the partition was not claimed")
        }
        let nextOffset = try row.int64(1)
        let held = PartitionClaim(
            topic: topic,
            partition: partition,
            epoch: try row.int64(0),
            nextOffset: nextOffset
        )
        return (held, nextOffset)
    }

    /// Moves the consumer on, in the transaction of the effects.
    ///
    /// - Throws: `.fenced` when another member holds the partition now, or the database has forgotten how far `claim` had come; let the
    ///   transaction roll back.
    public static func advance(
        consumer: String,
        _ claim: PartitionClaim,
        to nextOffset: Int64,
        in tx: borrowing Transaction
    ) async throws(InboxFailure) {
        _ = try await advance(consumer: consumer, claim, to: nextOffset, and: [], in: tx)
    }

    /// The same in one round trip with more statements. The partition's row is held before they run, and they count only if it
    /// is ours.
    private static func advance(
        consumer: String,
        _ claim: PartitionClaim,
        to nextOffset: Int64,
        and more: [BoundStatement],
        in tx: borrowing Transaction
    ) async throws(InboxFailure) -> ArraySlice<Rows> {
        let (topic, partition, epoch) = (claim.topic, claim.partition, claim.epoch)
        let advance = BoundStatement(advance, consumer, topic, partition, epoch, nextOffset, claim.reached)
        let results: [Rows]
        do { results = try await tx.pipeline([advance] + more) } catch { throw .database(error) }
        guard results.first?.affectedRowCount == 1 else { throw .fenced }
        tx.afterCommit { claim.reach(nextOffset) }
        return results.dropFirst()
    }

    /// Moves the consumer on, and finds out in the same round trip what is to be done with `events`.
    ///
    /// - Returns: the ids that `consumer` had not seen before and whose keys have nothing parked, which are remembered if `tx` commits;
    ///   and the keys that have parked records, behind which later events of theirs must wait.
    /// - Throws: as ``advance(consumer:_:to:in:)``.
    static func advance(
        consumer: String,
        _ claim: PartitionClaim,
        to nextOffset: Int64,
        past events: [(id: String, key: [UInt8]?)],
        in tx: borrowing Transaction
    ) async throws(InboxFailure) -> (fresh: Set<String>, parkedKeys: Set<[UInt8]>) {
        let results = try await advance(
            consumer: consumer,
            claim,
            to: nextOffset,
            and: events.isEmpty ? [] : [bound(sort, consumer, events)],
            in: tx
        )
        var (fresh, parkedKeys): (Set<String>, Set<[UInt8]>) = ([], [])
        do throws(DatabaseError) {
            for row in results.first.map(Array.init) ?? [] {
                if let id = try row.optionalText(0) {
                    fresh.insert(id)
                } else {
                    parkedKeys.insert(try row.bytes(1))
                }
            }
        } catch { throw .database(error) }
        return (fresh, parkedKeys)
    }

    /// The same for events that are expected to be new, at half the cost.
    ///
    /// - Returns: whether they are remembered, all of them; false when one of their keys has something parked.
    /// - Throws: `.database` with a violated constraint when one was seen before: nothing of `tx` can commit.
    static func advance(
        consumer: String,
        _ claim: PartitionClaim,
        to nextOffset: Int64,
        pastNew events: [(id: String, key: [UInt8]?)],
        in tx: borrowing Transaction
    ) async throws(InboxFailure) -> Bool {
        let more = events.isEmpty ? [] : [bound(rememberNew, consumer, events)]
        let results = try await advance(consumer: consumer, claim, to: nextOffset, and: more, in: tx)
        return results.reduce(0) { $0 + $1.affectedRowCount } == events.count
    }

    private static func bound(
        _ statement: Statement,
        _ consumer: String,
        _ events: [(id: String, key: [UInt8]?)]
    ) -> BoundStatement {
        BoundStatement(statement, consumer, events.map(\.id), events.map(\.key))
    }

    /// Makes `consumer` read `topic` from its first record again: for a topic that was lost and written anew.
    /// What was applied before is recognised and changes nothing.
    ///
    /// - Returns: each partition that was reset, with the offset it had; empty when the consumer never read the topic.
    public static func reset(
        consumer: String,
        topic: String,
        on pool: PostgresPool
    ) async throws(DatabaseError) -> [(partition: Int32, nextOffsetBefore: Int64)] {
        var partitions: [(partition: Int32, nextOffsetBefore: Int64)] = []
        for row in try await pool.query(reset, consumer, topic) {
            partitions.append((Int32(clamping: try row.int(0)), try row.int64(1)))
        }
        return partitions.sorted { $0.partition < $1.partition }
    }

    /// - Returns: the ids that `consumer` had not seen before; they are remembered if `tx` commits.
    public static func remember(
        _ eventIDs: [String],
        consumer: String,
        in tx: borrowing Transaction
    ) async throws(DatabaseError) -> Set<String> {
        guard !eventIDs.isEmpty else { return [] }
        var fresh: Set<String> = []
        for row in try await tx.query(remember, consumer, eventIDs) { fresh.insert(try row.text(0)) }
        return fresh
    }

    /// - Returns: those of the ids that `consumer` has seen, `tx` included.
    static func seen(
        _ eventIDs: [String],
        consumer: String,
        in tx: borrowing Transaction
    ) async throws(DatabaseError) -> Set<String> {
        guard !eventIDs.isEmpty else { return [] }
        var seen: Set<String> = []
        for row in try await tx.query(Self.seen, consumer, eventIDs) { seen.insert(try row.text(0)) }
        return seen
    }

    /// Forgets events seen more than `days` ago, at most `limit` at a time. What is older is caught by the
    /// version fence and by the offset.
    public static func forget(
        olderThanDays days: Int,
        limit: Int,
        on pool: PostgresPool
    ) async throws(DatabaseError) -> Int {
        try await pool.execute(forget, days, limit)
    }
}
