import AuditTrail
import PostgresClient

/// What an operator does with quotas; each with its audit record in the same transaction.
struct QuotaActions: Sendable {
    let pool: PostgresPool

    /// - Returns: the quota, with what the tenant is charged for counted anew.
    func set(_ tenant: String, byteLimit: Int64, by actor: String) async throws -> Quota {
        try await pool.withTransaction { (tx: borrowing Transaction) async throws(DatabaseError) -> Quota in
            let before = try await QuotaStore.hold(tenant, in: tx)
            let quota = try await QuotaStore.set(tenant, byteLimit: byteLimit, in: tx)
            try await AuditTrail.append(.quota("set", tenant, by: actor, from: before, to: quota), in: tx)
            return quota
        }
    }

    /// - Returns: nil when the tenant has none.
    func recount(_ tenant: String, by actor: String) async throws -> Quota? {
        try await pool.withTransaction { (tx: borrowing Transaction) async throws(DatabaseError) -> Quota? in
            let before = try await QuotaStore.hold(tenant, in: tx)
            guard let quota = try await QuotaStore.recount(tenant, in: tx) else { return nil }
            try await AuditTrail.append(
                .quota("recounted", tenant, by: actor, from: before, to: quota),
                in: tx
            )
            return quota
        }
    }

    /// - Returns: false when the tenant had none.
    func remove(_ tenant: String, by actor: String) async throws -> Bool {
        try await pool.withTransaction { (tx: borrowing Transaction) async throws(DatabaseError) -> Bool in
            let before = try await QuotaStore.hold(tenant, in: tx)
            guard try await QuotaStore.remove(tenant, in: tx) else { return false }
            try await AuditTrail.append(.quota("removed", tenant, by: actor, from: before, to: nil), in: tx)
            return true
        }
    }
}

extension AuditEntry {
    fileprivate static func quota(
        _ what: String,
        _ tenant: String,
        by actor: String,
        from before: Quota?,
        to after: Quota?
    ) -> AuditEntry {
        AuditEntry(
            actor: actor,
            action: "quota.\(what)",
            subject: tenant,
            reason: "asked for over HTTP",
            before: before.map(members),
            after: after.map(members)
        )
    }

    private static func members(of quota: Quota) -> String {
        object(["byte_limit": "\(quota.byteLimit)", "used_bytes": "\(quota.usedBytes)"])
    }
}
