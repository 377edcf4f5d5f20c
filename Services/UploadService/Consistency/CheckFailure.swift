import ObjectStore
import PostgresClient

/// Why a part of a check could not go on. What it had not reached is not compared, and nothing is found in it.
enum CheckFailure: Error, Sendable {
    case store(StoreFailure)
    case database(DatabaseError)
    case indexer(IndexerFailure)
    /// A source gave its elements out of order, or the same again and again.
    case disorder(String)
    /// The check was cancelled, another process has taken it over, or this one is stopping: what was saved stays.
    case stopped

    /// Trying again later may help.
    var isTransient: Bool {
        switch self {
        case .store(.unavailable), .store(.outcomeUnknown), .store(.bodyFailed): true
        case .store: false
        case .database(let error): error.isTransient
        case .indexer(.unavailable): true
        case .indexer(.refused(let status, _)): status >= 500 || status == 429
        case .indexer(.unexpectedAnswer), .indexer(.cancelled), .disorder, .stopped: false
        }
    }
}

extension CheckFailure: CustomStringConvertible {
    var description: String {
        switch self {
        case .store(let failure): "the object store: \(failure)"
        case .database(let error): "\(error)"
        case .indexer(let failure): "the indexer: \(failure)"
        case .disorder(let what): "out of order: \(what)"
        case .stopped: "stopped"
        }
    }
}

/// Runs a call to the database, and tells its failure as one of a check.
func asked<Value>(
    _ body: () async throws(DatabaseError) -> Value
) async throws(CheckFailure) -> Value {
    do { return try await body() } catch {
        throw error == .cancelled ? .stopped : .database(error)
    }
}

/// The same; nil when it takes the database too long.
func askedInTime<Value>(
    _ body: () async throws(DatabaseError) -> Value
) async throws(CheckFailure) -> Value? {
    do { return try await asked(body) } catch {
        if case .database(.timedOut) = error { return nil }
        throw error
    }
}
