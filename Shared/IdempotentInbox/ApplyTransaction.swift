import PostgresClient

/// Why records were not applied.
enum ApplyFailure: Error {
    case inbox(InboxFailure)
    /// The handler's own: the same records may fail again.
    case handler(String)
    /// A unique constraint: something is there that was not expected.
    case violation(String)

    /// For work that does not call the handler.
    var inboxFailure: InboxFailure {
        switch self {
        case .inbox(let failure): failure
        case .handler(let text), .violation(let text): .database(.unexpectedResult(text))
        }
    }
}

/// Runs work on records in one transaction, and tells the database's trouble from the handler's.
func applyInTransaction<Value: Sendable>(
    on pool: PostgresPool,
    _ body: (borrowing Transaction) async throws -> Value
) async throws(ApplyFailure) -> Value {
    do {
        return try await pool.withTransaction { (tx: borrowing Transaction) async throws -> Value in
            try await body(tx)
        }
    } catch {
        if let failure = error.databaseError, failure.isUniqueViolation { throw .violation("\(failure)") }
        switch error {
        case .rolledBack(let failure as InboxFailure): throw .inbox(failure)
        case .rolledBack(let failure as DatabaseError) where failure.isOfDatabase:
            throw .inbox(.database(failure))
        case .rolledBack(let failure): throw .handler("\(failure)")
        // The handler's statements travel with COMMIT.
        case .commitRefused(let failure) where !failure.isOfDatabase: throw .handler("\(failure)")
        case .notStarted(let failure), .commitRefused(let failure), .commitOutcomeUnknown(let failure):
            throw .inbox(.database(failure))
        }
    }
}

extension DatabaseError {
    /// Whether it says nothing about the records; a cancelled task does not either.
    fileprivate var isOfDatabase: Bool { isTransient || self == .cancelled }
}
