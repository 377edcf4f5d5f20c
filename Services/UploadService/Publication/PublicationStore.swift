import Determinism
import EventContracts
import PostgresClient
import TransactionalOutbox

import struct FoundationEssentials.UUID

/// A file whose newest version is not on the topic, and of which no event is on its way there.
struct PublicationGap: Equatable, Sendable {
    let fileID: UUID
    let tenant: String
    let version: Int64
    /// The newest version that is known to be on the topic; 0 when none is.
    let publishedVersion: Int64
}

/// Every statement that touches `files.published_version`.
///
/// An event lies in the outbox from the commit of its version on, and is noted once the hold `publication` has moved past it. So a
/// version whose transaction the hold's snapshot shows, and which is not noted, has no event, unless it is parked. The
/// transaction is that of the row as it lies there (`xmin`), or an earlier one: who changed the row last waited for the lock.
enum PublicationStore {
    /// The hold on the outbox behind which published events are noted.
    static let hold = "publication"

    private static let note: Statement = """
        WITH published AS (
            SELECT id, max(version) AS version FROM unnest($1::uuid[], $2::bigint[]) AS p (id, version) GROUP BY id
        ), locked AS (
            SELECT f.id, p.version FROM files f JOIN published p USING (id)
             WHERE f.published_version < p.version AND f.published_version < f.version
             ORDER BY f.id FOR NO KEY UPDATE OF f
        )
        UPDATE files f SET published_version = greatest(f.published_version, least(f.version, l.version))
          FROM locked l WHERE f.id = l.id
        """
    /// Unpublished files, and whether each is a gap: no more rows are read than are given. `xmin` has 32 bits: it is the newest
    /// transaction id with these low bits that is not in the future.
    static let walk: Statement = """
        SELECT f.id, f.tenant, f.version, f.published_version,
               f.updated_at <= clock_timestamp() - make_interval(secs => $3::bigint / 1000.0)
               AND EXISTS (
                   SELECT 1 FROM outbox_holds h, outbox_tick t,
                          LATERAL (SELECT pg_snapshot_xmax(pg_current_snapshot())::text::bigint AS next,
                                          f.xmin::text::bigint AS low) x
                    WHERE h.name = $1 AND h.incarnation = t.incarnation
                      AND pg_visible_in_snapshot((x.next - ((x.next - x.low) & 4294967295))::text::xid8, h.snap))
               AND NOT EXISTS (SELECT 1 FROM outbox_parked p WHERE p.key = f.id::text AND p.version >= f.version)
               AND NOT EXISTS (SELECT 1 FROM outbox_unparked n
                                WHERE n.hold = $1 AND n.key = f.id::text AND n.version >= f.version)
          FROM files f WHERE f.version > f.published_version AND f.id > $2 ORDER BY f.id LIMIT $4
        """
    /// Before every other.
    private static let noID = UUID(uuid: (0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0))
    private static let walkLimit = 2_000
    private static let isBehind: Statement = """
        SELECT EXISTS (SELECT 1 FROM files WHERE version > published_version
                          AND updated_at <= clock_timestamp() - make_interval(secs => $1::bigint / 1000.0))
        """
    /// A real change, though of nothing: from now on the row is as new as the event that is appended with it.
    private static let touch: Statement =
        "UPDATE files SET published_version = published_version WHERE id = ANY ($1)"

    /// Notes that these versions are on the topic. May be told again, and in any order.
    ///
    /// - Returns: how many files it was new of.
    static func note(_ rows: [PublishedRow], on pool: PostgresPool) async throws(DatabaseError) -> Int {
        let ours = rows.compactMap { row -> (id: UUID, version: Int64)? in
            guard row.topic == Topic.files.name else { return nil }
            return UUID(uuidString: row.key).map { ($0, row.version) }
        }
        guard !ours.isEmpty else { return 0 }
        return try await pool.execute(note, ours.map(\.id), ours.map(\.version))
    }

    /// Files in the order of their ids whose newest version, older than `age`, is neither on the topic nor on its way.
    ///
    /// What the relay has not come to yet is on its way; what is parked waits for an operator, and is told of elsewhere.
    ///
    /// - Parameters:
    ///   - id: only files after this one, the last of the page before.
    ///   - limit: gaps.
    ///   - scanLimit: unpublished files that are looked at, about; however many there are, no statement reads more than a page.
    /// - Returns: none while `canTell` is false.
    static func gaps(
        after id: UUID?,
        olderThan age: Duration,
        limit: Int,
        scanLimit: Int = .max,
        on pool: PostgresPool
    ) async throws(DatabaseError) -> [PublicationGap] {
        guard try await canTell(on: pool) else { return [] }
        var found: [PublicationGap] = []
        var (last, scannedCount) = (id ?? noID, 0)
        while found.count < limit, scannedCount < scanLimit {
            let rows = try await pool.query(walk, hold, last, age.wholeMilliseconds, walkLimit)
            for row in rows {
                last = try row.uuid(0)
                guard try row.bool(4), found.count < limit else { continue }
                found.append(
                    PublicationGap(
                        fileID: last,
                        tenant: try row.text(1),
                        version: try row.int64(2),
                        publishedVersion: try row.int64(3)
                    )
                )
            }
            scannedCount += rows.count
            guard rows.count == walkLimit else { break }
        }
        return found
    }

    /// Whether gaps can be told from what is on its way: the sweep has run, and no restore or failover has come between.
    static func canTell(on pool: PostgresPool) async throws(DatabaseError) -> Bool {
        try await HoldStore(hold, on: pool).isOfThisServer()
    }

    /// Whether any version older than `age` is not noted, for whatever reason.
    static func isBehind(by age: Duration, on pool: PostgresPool) async throws(DatabaseError) -> Bool {
        try await pool.query(isBehind, age.wholeMilliseconds).first?.bool(0) ?? false
    }

    /// Tells that events of the newest versions of these files were appended in `tx`: they are on their way again.
    static func touch(_ ids: [UUID], in tx: borrowing Transaction) async throws(DatabaseError) {
        _ = try await tx.execute(touch, ids)
    }
}
