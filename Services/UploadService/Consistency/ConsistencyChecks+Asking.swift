import AuditTrail
import Determinism
import PostgresClient

import struct FoundationEssentials.UUID

/// A check is asked for, or cancelled; each with its audit record in the same transaction.
extension ConsistencyChecks {
    /// Asks for a check. It is begun by one of the processes within moments.
    ///
    /// - Returns: its id.
    func start(_ request: CheckRequest) async throws(CheckRefusal) -> UUID {
        let id = UUID.version7(at: time.now, from: tools.random)
        do {
            guard let incarnation = try await ComparisonStore.incarnation(on: pool) else {
                throw CheckRefusal.replica
            }
            while try await !begin(id, request, incarnation) {
                if let running = try await CheckStore.running(on: pool) {
                    throw CheckRefusal.running(running.id)
                }
            }
            return id
        } catch let refusal as CheckRefusal { throw refusal } catch let error as DatabaseError {
            throw .database(error)
        } catch { throw .database(.cancelled) }
    }

    /// - Returns: false when a check is running already.
    private func begin(
        _ id: UUID,
        _ request: CheckRequest,
        _ incarnation: String
    ) async throws(DatabaseError) -> Bool {
        try await recorded(
            AuditEntry(
                actor: request.requestedBy,
                action: "check.started",
                subject: id.text,
                reason: "asked for",
                after: AuditEntry.object([
                    "mode": request.mode.rawValue, "digests": request.digests.rawValue,
                ])
            )
        ) { tx throws(DatabaseError) in
            try await CheckStore.begin(id, request, incarnation: incarnation, in: tx)
        }
    }

    /// - Returns: the check, which may have ended before.
    func cancel(_ id: UUID, by actor: String) async throws(CheckRefusal) -> StoredCheck {
        do {
            _ = try await recorded(
                AuditEntry(
                    actor: actor,
                    action: "check.cancelled",
                    subject: id.text,
                    reason: "asked for",
                    before: AuditEntry.object(["state": StoredCheck.State.running.rawValue]),
                    after: AuditEntry.object(["state": StoredCheck.State.cancelled.rawValue])
                )
            ) { tx throws(DatabaseError) in try await CheckStore.cancel(id, in: tx) }
        } catch { throw .database(error) }
        return try await find(id)
    }

    /// - Parameter body: returns whether it has changed anything: else there is nothing to record.
    private func recorded(
        _ entry: AuditEntry,
        _ body: @Sendable (borrowing Transaction) async throws(DatabaseError) -> Bool
    ) async throws(DatabaseError) -> Bool {
        do {
            return try await pool.withTransaction {
                (tx: borrowing Transaction) async throws(DatabaseError) -> Bool in
                guard try await body(tx) else { return false }
                try await AuditTrail.append(entry, in: tx)
                return true
            }
        } catch { throw error.databaseError ?? .unexpectedResult("the check was neither begun nor ended") }
    }
}
