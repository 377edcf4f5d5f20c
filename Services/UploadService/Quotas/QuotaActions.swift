import PostgresClient

/// What an operator does with quotas.
struct QuotaActions: Sendable {
    let pool: PostgresPool

    /// - Returns: the quota, with what the tenant is charged for counted anew.
    func set(_ tenant: String, byteLimit: Int64) async throws -> Quota {
        try await pool.withTransaction { (tx: borrowing Transaction) async throws(DatabaseError) -> Quota in
            try await QuotaStore.set(tenant, byteLimit: byteLimit, in: tx)
        }
    }

    /// - Returns: nil when the tenant has none.
    func recount(_ tenant: String) async throws -> Quota? {
        try await pool.withTransaction { (tx: borrowing Transaction) async throws(DatabaseError) -> Quota? in
            try await QuotaStore.recount(tenant, in: tx)
        }
    }

    /// - Returns: false when the tenant had none.
    func remove(_ tenant: String) async throws -> Bool {
        try await pool.withTransaction { (tx: borrowing Transaction) async throws(DatabaseError) -> Bool in
            try await QuotaStore.remove(tenant, in: tx)
        }
    }
}
