import Determinism
import PostgresClient

import struct FoundationEssentials.UUID

/// Every statement that looks for what a restored database has forgotten.
enum LossStore {
    private static let files: Statement = "SELECT id, version, state FROM files WHERE id = ANY ($1::uuid[])"
    private static let uploads: Statement = """
        SELECT file_id, id, state, object_key FROM uploads WHERE file_id = ANY ($1::uuid[])
        """
    /// Not one whose row is still open although it was begun before the restore: the upload may have been acknowledged, and
    /// whoever takes it over would discard it.
    private static let keys: Statement = """
        SELECT object_key FROM uploads u
         WHERE object_key = ANY ($1::text[])
           AND (state NOT IN ('PENDING', 'ACTIVE', 'COMPLETING')
             OR created_at > (SELECT max(entered_at) FROM safe_mode WHERE left_at IS NULL))
        """

    private static let openKeys: Statement = """
        SELECT object_key FROM uploads
         WHERE state IN ('PENDING', 'ACTIVE', 'COMPLETING') AND created_at <= $1 AND object_key > $2
         ORDER BY object_key LIMIT $3
        """

    private static let hasEndedPlan: Statement = """
        SELECT EXISTS (SELECT 1 FROM repair_plans
                        WHERE check_id = $1 AND finished_at > $2 AND finished_at <= clock_timestamp())
        """
    /// In this stay. A plan that was taken back says nothing of what it was to adopt.
    private static let refused: Statement = """
        SELECT DISTINCT i.object_key FROM repair_plans p JOIN repair_items i ON i.plan_id = p.id
         WHERE p.check_id = $1 AND p.started_at > (SELECT max(entered_at) FROM safe_mode WHERE left_at IS NULL)
           AND p.state NOT IN ('UNDOING', 'UNDONE')
           AND i.state IN ('SKIPPED', 'FAILED') AND i.object_key = ANY ($2::text[])
        """

    struct FileRow: Sendable {
        let version: Int64
        let state: String
    }

    struct UploadRow: Sendable {
        let id: UUID
        let state: String
        let objectKey: String
    }

    static func files(_ ids: [UUID], on pool: PostgresPool) async throws(DatabaseError) -> [UUID: FileRow] {
        var found: [UUID: FileRow] = [:]
        for row in try await pool.query(files, ids) {
            found[try row.uuid(0)] = FileRow(version: try row.int64(1), state: try row.text(2))
        }
        return found
    }

    static func uploads(
        ofFiles ids: [UUID],
        on pool: PostgresPool
    ) async throws(DatabaseError) -> [UUID: UploadRow] {
        var found: [UUID: UploadRow] = [:]
        for row in try await pool.query(uploads, ids) {
            found[try row.uuid(0)] = UploadRow(
                id: try row.uuid(1),
                state: try row.text(2),
                objectKey: try row.text(3)
            )
        }
        return found
    }

    /// Of uploads begun before `instant` that are still open, in the order of their keys.
    static func openKeys(
        before instant: Timestamp,
        after key: String,
        limit: Int,
        on pool: PostgresPool
    ) async throws(DatabaseError) -> [String] {
        var keys: [String] = []
        for row in try await pool.query(openKeys, instant, key, limit) { keys.append(try row.text(0)) }
        return keys
    }

    /// Whether a plan of adoptions has come to its end since, by the database's clock: one that seems to have ended in the future has
    /// not.
    static func hasEndedPlan(
        since instant: Timestamp,
        on pool: PostgresPool
    ) async throws(DatabaseError) -> Bool {
        try await pool.query(hasEndedPlan, RepairPlan.survey, instant).first?.bool(0) ?? false
    }

    /// Those of `keys` whose adoption was tried and could not be done.
    static func refused(_ keys: [String], on pool: PostgresPool) async throws(DatabaseError) -> Set<String> {
        guard !keys.isEmpty else { return [] }
        var refused: Set<String> = []
        for row in try await pool.query(Self.refused, RepairPlan.survey, keys) {
            refused.insert(try row.text(0))
        }
        return refused
    }

    /// Those of `keys` that a row has.
    static func known(_ keys: [String], on pool: PostgresPool) async throws(DatabaseError) -> Set<String> {
        var known: Set<String> = []
        for row in try await pool.query(Self.keys, keys) { known.insert(try row.text(0)) }
        return known
    }
}
