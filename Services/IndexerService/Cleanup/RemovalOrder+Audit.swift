import AuditTrail
import Determinism
import PostgresClient

extension RemovalSaga.Order {
    static let auditAction = "object.removal"

    /// Writes into the audit trail that the bytes are about to go, once for each removal, however often it is tried.
    func note(on pool: PostgresPool) async throws(DatabaseError) {
        // Keys are never used again, so a record about this key is of this removal.
        guard
            try await !AuditTrail.contains(action: Self.auditAction, subject: objectKey, on: pool)
        else { return }
        try await AuditTrail.append(auditEntry, on: pool)
    }

    private var auditEntry: AuditEntry {
        AuditEntry(
            actor: "program:IndexerService",
            action: Self.auditAction,
            subject: objectKey,
            reason: isPurge ? "the file is purged" : "the upload was discarded",
            before: AuditEntry.object([
                "tenant": tenant, "owner": owner, "file_id": fileID.text, "version": "\(version)",
                "upload_id": uploadID?.text, "s3_upload_id": multipartID,
            ])
        )
    }
}
