import Correlation
public import Determinism
public import PostgresClient

public import struct FoundationEssentials.UUID

/// Every statement that touches `sagas`.
public enum SagaStore {
    private static let insert: Statement = """
        INSERT INTO sagas (id, kind, subject, context, traceparent, log, owner, lease_until, wake_at)
        SELECT id, kind, subject, context, traceparent, $6::text[], $7,
               CASE WHEN $8::bigint > 0 THEN clock_timestamp() + make_interval(secs => $8::bigint / 1000.0)
                    ELSE '-infinity' END,
               coalesce($9::timestamptz, clock_timestamp())
          FROM unnest($1::uuid[], $2::text[], $3::uuid[], $4::text[], $5::text[])
                   AS new (id, kind, subject, context, traceparent)
        """
    private static let supersede: Statement = """
        INSERT INTO sagas (id, kind, subject, context, log, traceparent)
        SELECT id, $1, subject, context, '{}', traceparent
          FROM unnest($2::uuid[], $3::uuid[], $4::text[], $5::text[]) AS new (id, subject, context, traceparent)
        ON CONFLICT (kind, subject) DO UPDATE
           SET context = EXCLUDED.context, log = '{}', epoch = sagas.epoch + 1, owner = '',
               lease_until = '-infinity', wake_at = clock_timestamp(), attempts = 0, last_failure = NULL,
               traceparent = EXCLUDED.traceparent
        """
    /// An array, so that the subquery runs once: `IN` may be planned to run it for each row, and each run locks others.
    private static let claimDue: Statement = """
        UPDATE sagas
           SET owner = $1, epoch = epoch + 1,
               lease_until = clock_timestamp() + make_interval(secs => $2::bigint / 1000.0)
         WHERE id = ANY (ARRAY(
               SELECT id FROM sagas
                WHERE greatest(wake_at, lease_until) <= clock_timestamp() AND kind = ANY ($3::text[])
                ORDER BY greatest(wake_at, lease_until) LIMIT $4 FOR UPDATE SKIP LOCKED))
        RETURNING id, kind, subject, context, log, epoch, attempts, traceparent
        """
    private static let renew: Statement = """
        UPDATE sagas SET lease_until = clock_timestamp() + make_interval(secs => $3::bigint / 1000.0)
         WHERE id = $1 AND epoch = $2
        """
    private static let append: Statement = """
        UPDATE sagas SET log = log || $3::text[], attempts = 0, last_failure = NULL
         WHERE id = $1 AND epoch = $2
        """
    private static let end: Statement = "DELETE FROM sagas WHERE id = $1 AND epoch = $2"
    private static let postpone: Statement = """
        UPDATE sagas
           SET lease_until = '-infinity', owner = '', last_failure = $4, attempts = attempts + $5,
               wake_at = clock_timestamp() + make_interval(secs => $3::bigint / 1000.0)
         WHERE id = $1 AND epoch = $2
        """
    private static let wake: Statement = """
        UPDATE sagas SET wake_at = clock_timestamp() WHERE kind = $1 AND subject = $2
        """
    private static let remove: Statement = "DELETE FROM sagas WHERE kind = $1 AND subject = $2"
    private static let census: Statement = """
        SELECT kind, count(*), count(*) FILTER (WHERE attempts >= $1),
               coalesce(extract(epoch FROM clock_timestamp() - min(created_at)), 0)::bigint
          FROM sagas GROUP BY kind
        """

    /// Stores new sagas in the transaction of their first effects.
    ///
    /// - Parameters:
    ///   - log: what that transaction has done already.
    ///   - leaseMilliseconds: how long the caller itself drives the sagas; 0 leaves it to the worker.
    ///   - wakeAt: not before this instant; nil means at once.
    /// - Throws: `.invalidValue`. What the database refuses them for is thrown by the next statement, or by COMMIT.
    public static func insert(
        _ sagas: [NewSaga],
        log: [SagaEntry] = [],
        owner: String = "",
        leaseMilliseconds: Int64 = 0,
        wakeAt: Timestamp? = nil,
        in tx: borrowing Transaction
    ) throws(DatabaseError) {
        guard !sagas.isEmpty else { return }
        try tx.enqueue(
            insert,
            sagas.map(\.id),
            sagas.map(\.kind),
            sagas.map(\.subject),
            sagas.map(\.context),
            sagas.map { $0.trace?.header },
            log.map(\.text),
            owner,
            leaseMilliseconds,
            wakeAt
        )
    }

    /// Stores new sagas of one kind; one that runs for the same subject starts over with the new context, and
    /// whoever drives it is fenced out.
    ///
    /// - Throws: `.invalidValue`. What the database refuses them for is thrown by the next statement, or by COMMIT.
    public static func supersede(
        kind: String,
        _ sagas: [NewSaga],
        in tx: borrowing Transaction
    ) throws(DatabaseError) {
        guard !sagas.isEmpty else { return }
        try tx.enqueue(
            supersede,
            kind,
            sagas.map(\.id),
            sagas.map(\.subject),
            sagas.map(\.context),
            sagas.map { $0.trace?.header }
        )
    }

    /// Makes the saga of `subject` due now.
    ///
    /// - Returns: false when there is none: it may have ended.
    @discardableResult
    public static func wake(
        kind: String,
        subject: UUID,
        in tx: borrowing Transaction
    ) async throws(DatabaseError) -> Bool {
        try await tx.execute(wake, kind, subject) > 0
    }

    /// Removes the saga of `subject`, whoever drives it: somebody else has brought about its end.
    public static func remove(
        kind: String,
        subject: UUID,
        in tx: borrowing Transaction
    ) async throws(DatabaseError) {
        try await tx.execute(remove, kind, subject)
    }

    /// Takes over sagas that are due and that nobody drives, oldest first.
    ///
    /// - Parameter leaseMilliseconds: how long nobody else may claim them without a sign of life.
    public static func claimDue(
        kinds: [String],
        owner: String,
        leaseMilliseconds: Int64,
        limit: Int,
        on pool: PostgresPool
    ) async throws(DatabaseError) -> [SagaClaim] {
        var claims: [SagaClaim] = []
        for row in try await pool.query(claimDue, owner, leaseMilliseconds, kinds, limit) {
            claims.append(
                SagaClaim(
                    id: try row.uuid(0),
                    kind: try row.text(1),
                    subject: try row.uuid(2),
                    context: try row.text(3),
                    log: try row.textArray(4).map { SagaEntry(text: $0) ?? .started(.max) },
                    epoch: try row.int64(5),
                    attemptCount: try row.int(6),
                    trace: try row.optionalText(7).flatMap { TraceContext($0) }
                )
            )
        }
        return claims
    }

    /// - Returns: false when the saga has ended or another process has claimed it.
    static func renew(
        _ claim: SagaClaim,
        leaseMilliseconds: Int64,
        on pool: PostgresPool
    ) async throws(DatabaseError) -> Bool {
        try await pool.execute(renew, claim.id, claim.epoch, leaseMilliseconds) == 1
    }

    static func appending(_ entries: [SagaEntry], to id: UUID, epoch: Int64) -> BoundStatement {
        BoundStatement(append, id, epoch, entries.map(\.text))
    }

    static func ending(_ id: UUID, epoch: Int64) -> BoundStatement { BoundStatement(end, id, epoch) }

    /// Lets go of the saga until `pause` has passed.
    static func postpone(
        _ claim: SagaClaim,
        pause: Duration,
        failure: String?,
        on pool: PostgresPool
    ) async throws(DatabaseError) {
        let isFailure = failure == nil ? 0 : 1
        _ = try await pool.execute(
            postpone,
            claim.id,
            claim.epoch,
            pause.wholeMilliseconds,
            failure,
            isFailure
        )
    }

    /// How many sagas of each kind are under way, how many of them have failed `stuckAttempts` times or more
    /// in a row, and the age of the oldest in seconds.
    public static func census(
        stuckAttempts: Int,
        on pool: PostgresPool
    ) async throws(DatabaseError) -> [SagaCensus] {
        var census: [SagaCensus] = []
        for row in try await pool.query(Self.census, stuckAttempts) {
            census.append(
                SagaCensus(
                    kind: try row.text(0),
                    count: try row.int64(1),
                    stuckCount: try row.int64(2),
                    oldestAgeSeconds: try row.int64(3)
                )
            )
        }
        return census
    }
}
