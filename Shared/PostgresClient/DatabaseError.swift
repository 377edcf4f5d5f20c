/// Everything a statement can fail with. Cases say what happened; whether to try again is `isTransient`.
public enum DatabaseError: Error, Equatable, Sendable {
    /// No connection could be had (refused, wrong password, pool wait over). Nothing was executed.
    case unavailable(String)
    /// The connection ended while a statement was under way, or the server ended it. Whether an autocommit statement took effect is unknown.
    case connectionLost(String)
    /// A limit was reached: the server cancelled the statement (nothing of it is kept), or it did not answer in time and the
    /// connection was closed (whether an autocommit statement took effect is unknown).
    case timedOut(String)
    /// The task was cancelled. A statement under way was abandoned and its connection closed.
    case cancelled
    /// The server refused the statement. `message` is the primary message, without the DETAIL that may quote values.
    case refused(sqlState: String, message: String, constraint: String?)
    /// A value PostgreSQL cannot take (a NUL in text, too large, out of range). Nothing was sent.
    case invalidValue(String)
    /// The answer is not what the program expected: other column type, NULL, no such column.
    case unexpectedResult(String)

    /// True when the same work may succeed later without a change to it. An autocommit statement that was lost
    /// or timed out may have taken effect; repeat it only if that is harmless.
    public var isTransient: Bool {
        switch self {
        case .unavailable, .connectionLost, .timedOut: true
        case .cancelled, .invalidValue, .unexpectedResult: false
        case .refused(let state, _, _):
            isSerializationFailure || state.hasPrefix("08") || state.hasPrefix("53")
                || state.hasPrefix("57P0")
        }
    }

    /// Serialization failure or deadlock: the whole transaction may simply run again.
    public var isSerializationFailure: Bool {
        if case .refused("40001", _, _) = self { return true }
        if case .refused("40P01", _, _) = self { return true }
        return false
    }

    /// True for a violated unique constraint, whichever.
    public var isUniqueViolation: Bool {
        if case .refused("23505", _, _) = self { return true }
        return false
    }

    /// True for a violated unique or exclusion constraint of this name.
    public func isViolation(of constraint: String) -> Bool {
        if case .refused(_, _, constraint) = self { return true }
        return false
    }
}

extension DatabaseError: CustomStringConvertible {
    public var description: String {
        switch self {
        case .unavailable(let reason): "database unavailable: \(reason)"
        case .connectionLost(let reason): "database connection lost: \(reason)"
        case .timedOut(let reason): "database timed out: \(reason)"
        case .cancelled: "database call cancelled"
        case .refused(let state, let message, let constraint):
            "database refused (\(state)): \(message)" + (constraint.map { " [\($0)]" } ?? "")
        case .invalidValue(let reason): "value not accepted: \(reason)"
        case .unexpectedResult(let reason): "unexpected database result: \(reason)"
        }
    }
}

/// A module's failure that may hold a database error, so that `withRetriedTransaction` can see it.
public protocol DatabaseErrorCarrying: Error {
    var databaseError: DatabaseError? { get }
}

extension DatabaseError: DatabaseErrorCarrying {
    public var databaseError: DatabaseError? { self }
}

/// How a transaction ended when it did not commit for certain.
public enum TransactionError<Failure: Error>: Error {
    /// No connection could be had. The body did not run.
    case notStarted(DatabaseError)
    /// The body threw. Nothing was written.
    case rolledBack(Failure)
    /// The body returned but the transaction was not committed, for certain: a statement had failed and the body went on
    /// (25P02), a deferred constraint or a serialization failure showed at COMMIT, the connection was lost or the task cancelled
    /// before COMMIT was sent. Nothing was written.
    case commitRefused(DatabaseError)
    /// The answer to COMMIT did not arrive. Only the database knows; look before trying again.
    case commitOutcomeUnknown(DatabaseError)
}

extension TransactionError: Equatable where Failure: Equatable {}

extension TransactionError: DatabaseErrorCarrying {
    public var databaseError: DatabaseError? {
        switch self {
        case .notStarted(let error), .commitRefused(let error), .commitOutcomeUnknown(let error): error
        case .rolledBack(let failure): (failure as? any DatabaseErrorCarrying)?.databaseError
        }
    }
}
