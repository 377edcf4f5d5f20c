internal import Digests
public import PostgresClient

/// The audit trail: who did what to what, and why; append-only and chained by digests.
///
/// An entry is committed *before* the action it tells of (or in the same transaction, where the action is a change of the
/// database): an action without a record must not be possible, a record without its action is only too careful.
public enum AuditTrail {
    /// The tables, for a service's migrations. Frozen: a change is a new migration.
    public static var schema: String { AuditSchema.version1 }

    /// Appends in the caller's transaction, in the order given.
    ///
    /// The head of the chain stays locked until the transaction ends, so that records get their numbers in the order of
    /// commits: append last, after every lock the transaction takes besides.
    ///
    /// - Throws: `.refused` for an empty actor or action, or for a `before` or `after` that is not JSON.
    public static func append(
        _ entries: [AuditEntry],
        in tx: borrowing Transaction
    ) async throws(DatabaseError) {
        guard !entries.isEmpty else { return }
        let head = try await AuditStore.lockHead(in: tx)
        var (number, digest) = (head.number, head.digest)
        var records: [AuditRecord] = []
        for entry in entries {
            let (next, isOverflow) = number.addingReportingOverflow(1)
            guard !isOverflow else { throw .unexpectedResult("the audit trail has no number left") }
            number = next
            let record = AuditRecord(entry, number: number, recordedAt: head.now, after: digest)
            digest = record.digest
            records.append(record)
        }
        try await AuditStore.insert(records, in: tx)
    }

    public static func append(
        _ entry: AuditEntry,
        in tx: borrowing Transaction
    ) async throws(DatabaseError) {
        try await append([entry], in: tx)
    }

    /// Appends and commits. When the answer to COMMIT is lost the entry may be there; appending it again is harmless.
    public static func append(_ entry: AuditEntry, on pool: PostgresPool) async throws(DatabaseError) {
        do {
            try await pool.withTransaction { (tx: borrowing Transaction) async throws(DatabaseError) in
                try await append([entry], in: tx)
            }
        } catch {
            throw error.databaseError ?? .unexpectedResult("the audit entry was not committed")
        }
    }

    /// Records in the order of their numbers.
    ///
    /// - Parameters:
    ///   - after: the number of the last record already known; 0 from the start.
    ///   - subject: only those about this subject; nil means all.
    ///   - limit: clamped to 1 ... 1 000.
    public static func records(
        after number: Int64 = 0,
        subject: String? = nil,
        limit: Int = 100,
        on pool: PostgresPool
    ) async throws(DatabaseError) -> [AuditRecord] {
        try await AuditStore.page(
            after: number,
            subject: subject,
            limit: min(max(limit, 1), pageLimit),
            on: pool
        )
    }

    /// The number of the newest record; 0 when there is none.
    public static func newest(on pool: PostgresPool) async throws(DatabaseError) -> Int64 {
        try await AuditStore.extent(on: pool).head?.count ?? 0
    }

    static let pageLimit = 1_000

    /// Reads the whole trail and computes it anew. Writers are not disturbed; what they append meanwhile is not looked at.
    ///
    /// It finds a record that was altered, removed, inserted or moved, and an end that was cut off. That somebody computed
    /// the whole chain anew, head included, is found only with the help of `anchor`.
    public static func verify(
        on pool: PostgresPool,
        anchor: AuditAnchor? = nil
    ) async throws(DatabaseError) -> AuditVerdict {
        let extent = try await AuditStore.extent(on: pool)
        guard let head = extent.head else {
            return .broken(at: 1, after: 0, "the head of the trail is missing")
        }
        var check = AuditCheck(head: head, anchor: anchor)
        while check.defect == nil, check.last < head.count {
            let page = try await AuditStore.page(after: check.last, subject: nil, limit: pageLimit, on: pool)
            check.take(page)
        }
        return check.verdict(newest: extent.newest)
    }
}
