import Determinism
import PostgresClient

import struct FoundationEssentials.UUID

/// Every statement by which checks that nobody needs any more are removed.
///
/// The newest check stays, the newest that compared everything, and every one that a plan rests on.
enum OldCheckStore {
    /// What is taken apart is not complete from here on, so that no plan is made of the rest.
    private static let giveUp: Statement = """
        UPDATE consistency_checks c SET is_complete = false, is_consistent = false
         WHERE c.id = (
               SELECT o.id FROM consistency_checks o
                WHERE o.state <> 'RUNNING'
                  AND o.finished_at < clock_timestamp() - make_interval(secs => $1::bigint / 1000.0)
                  AND NOT EXISTS (SELECT FROM repair_plans p WHERE p.check_id = o.id)
                  AND o.id IS DISTINCT FROM (SELECT n.id FROM consistency_checks n WHERE n.state = 'COMPLETED'
                                              ORDER BY n.finished_at DESC LIMIT 1)
                  AND o.id IS DISTINCT FROM (SELECT n.id FROM consistency_checks n
                                              WHERE n.state = 'COMPLETED' AND n.is_complete
                                              ORDER BY n.finished_at DESC LIMIT 1)
                ORDER BY o.finished_at LIMIT 1)
        RETURNING c.id
        """
    private static let removeFindings: Statement = """
        DELETE FROM consistency_findings WHERE id = ANY (ARRAY(
               SELECT id FROM consistency_findings WHERE check_id = $1 ORDER BY id LIMIT $2))
        """
    private static let remove: Statement = "DELETE FROM consistency_checks WHERE id = $1"

    /// Removes checks that ended longer ago, the oldest first; their findings in small steps. May be interrupted, and run by several
    /// processes at the same time.
    ///
    /// - Parameter batch: findings removed by one statement.
    /// - Returns: how many checks.
    static func remove(
        olderThan age: Duration,
        batch: Int = 5_000,
        on pool: PostgresPool
    ) async throws(DatabaseError) -> Int {
        var count = 0
        while let row = try await pool.query(giveUp, age.wholeMilliseconds).first {
            let check: UUID = try row.uuid(0)
            while try await pool.execute(removeFindings, check, batch) == batch {}
            count += try await pool.execute(remove, check)
        }
        return count
    }
}
