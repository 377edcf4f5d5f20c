import PostgresClient

/// How much a tenant may store, and how much it is charged for.
struct Quota: Equatable, Sendable {
    let tenant: String
    /// In bytes, as the next.
    let byteLimit: Int64
    let usedBytes: Int64
}

/// A count that is not the sum of what it stands for.
struct QuotaDrift: Equatable, Sendable {
    let tenant: String
    /// What the tenant is charged for, in bytes.
    let usedBytes: Int64
    /// What its uploads and files add up to.
    let chargedBytes: Int64
}

/// Every statement that touches `quotas`; what a row is charged for is charged by triggers of the database.
enum QuotaStore {
    /// What the database calls the limit when it refuses a row.
    static let limit = "quota_limit"

    /// Charges wait for this lock, and it for transactions that have charged: what is added up then is what the triggers go on from.
    private static let stopCharges: Statement = "LOCK TABLE quotas IN SHARE ROW EXCLUSIVE MODE"
    private static let set: Statement = """
        INSERT INTO quotas AS q (tenant, byte_limit, used_bytes)
        VALUES ($1, $2,
               (SELECT coalesce(sum(upload_charge(state, declared_size)), 0)::bigint FROM uploads
                 WHERE tenant = $1 AND state IN ('PENDING', 'ACTIVE', 'COMPLETING'))
             + (SELECT coalesce(sum(file_charge(state, size)), 0)::bigint FROM files WHERE tenant = $1))
        ON CONFLICT (tenant) DO UPDATE
           SET byte_limit = EXCLUDED.byte_limit, used_bytes = EXCLUDED.used_bytes, updated_at = clock_timestamp()
        RETURNING tenant, byte_limit, used_bytes
        """
    private static let recount: Statement = """
        UPDATE quotas q SET updated_at = clock_timestamp(), used_bytes =
               (SELECT coalesce(sum(upload_charge(state, declared_size)), 0)::bigint FROM uploads u
                 WHERE u.tenant = q.tenant AND state IN ('PENDING', 'ACTIVE', 'COMPLETING'))
             + (SELECT coalesce(sum(file_charge(state, size)), 0)::bigint FROM files f WHERE f.tenant = q.tenant)
         WHERE q.tenant = $1
        RETURNING tenant, byte_limit, used_bytes
        """
    private static let remove: Statement = "DELETE FROM quotas WHERE tenant = $1"
    private static let page: Statement = """
        SELECT tenant, byte_limit, used_bytes FROM quotas
         WHERE $1::text IS NULL OR tenant > $1 ORDER BY tenant LIMIT $2
        """
    private static let find: Statement = "SELECT tenant, byte_limit, used_bytes FROM quotas WHERE tenant = $1"
    /// One statement, so one snapshot: charges under way are in both counts or in neither.
    private static let drifts: Statement = """
        SELECT tenant, used_bytes, charged_bytes
          FROM (SELECT q.tenant, q.used_bytes,
                       (SELECT coalesce(sum(upload_charge(state, declared_size)), 0)::bigint FROM uploads u
                         WHERE u.tenant = q.tenant AND state IN ('PENDING', 'ACTIVE', 'COMPLETING'))
                     + (SELECT coalesce(sum(file_charge(state, size)), 0)::bigint FROM files f
                         WHERE f.tenant = q.tenant) AS charged_bytes
                  FROM quotas q) counts
         WHERE used_bytes <> charged_bytes ORDER BY tenant
        """

    /// Sets the limit and counts what is there. A limit below it only keeps more from coming.
    static func set(
        _ tenant: String,
        byteLimit: Int64,
        in tx: borrowing Transaction
    ) async throws(DatabaseError) -> Quota {
        try tx.enqueue(stopCharges)
        return try quota(try await tx.query(set, tenant, byteLimit).only())
    }

    /// Counts anew what a tenant is charged for; nil when it has no quota.
    static func recount(_ tenant: String, in tx: borrowing Transaction) async throws(DatabaseError) -> Quota?
    {
        try tx.enqueue(stopCharges)
        return try await tx.query(recount, tenant).first.map(quota)
    }

    /// - Returns: false when the tenant had none.
    static func remove(_ tenant: String, in tx: borrowing Transaction) async throws(DatabaseError) -> Bool {
        try await tx.execute(remove, tenant) == 1
    }

    static func find(_ tenant: String, on pool: PostgresPool) async throws(DatabaseError) -> Quota? {
        try await pool.query(find, tenant).first.map(quota)
    }

    /// As it stays until `tx` ends: nobody charges it meanwhile.
    static func hold(_ tenant: String, in tx: borrowing Transaction) async throws(DatabaseError) -> Quota? {
        try tx.enqueue(stopCharges)
        return try await tx.query(find, tenant).first.map(quota)
    }

    /// In the order of the tenants' names.
    static func page(
        after tenant: String?,
        limit: Int,
        on pool: PostgresPool
    ) async throws(DatabaseError) -> [Quota] {
        try await pool.query(page, tenant, limit).map(quota)
    }

    static func drifts(on pool: PostgresPool) async throws(DatabaseError) -> [QuotaDrift] {
        try await pool.query(drifts).map { row throws(DatabaseError) in
            QuotaDrift(
                tenant: try row.text(0),
                usedBytes: try row.int64(1),
                chargedBytes: try row.int64(2)
            )
        }
    }

    private static func quota(_ row: Row) throws(DatabaseError) -> Quota {
        Quota(tenant: try row.text(0), byteLimit: try row.int64(1), usedBytes: try row.int64(2))
    }
}
