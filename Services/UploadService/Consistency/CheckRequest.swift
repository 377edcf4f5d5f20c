import Determinism
import PostgresClient

import struct FoundationEssentials.UUID

/// What is to be compared.
struct CheckRequest: Equatable, Sendable {
    enum Mode: String, CaseIterable, Codable, Sendable {
        /// Everything. Only such a check can say that all is consistent.
        case full
        /// Ranges of keys whose rows have not changed since they were compared are passed over.
        case incremental
    }

    /// Which objects are read back and hashed.
    enum Digests: String, CaseIterable, Codable, Sendable {
        case none, sampled, full
    }

    let requestedBy: String
    var mode = Mode.full
    var digests = Digests.sampled
}

/// One check, as its row says.
struct StoredCheck: Sendable {
    enum State: String, CaseIterable, Sendable {
        case running = "RUNNING"
        case completed = "COMPLETED"
        case failed = "FAILED"
        case cancelled = "CANCELLED"
    }

    let id: UUID
    let request: CheckRequest
    let state: State
    let incarnation: String
    let isComplete: Bool?
    let isConsistent: Bool?
    let progress: CheckProgress
    /// JSON, once it has ended.
    let report: String?
    let startedAt: Timestamp
    let finishedAt: Timestamp?
    /// What it found, by kind; nil until it has come to its end.
    let counts: [String: Int64]?
    /// Since it ended, or else since it began; by the database's clock.
    let ageSeconds: Double

    var hasFindings: Bool { counts?.values.contains { $0 > 0 } ?? false }
}

/// Why a check was not started, or cannot be told of.
enum CheckRefusal: Error, Equatable, Sendable {
    /// One at a time.
    case running(UUID)
    case notFound
    /// A replica may lag behind: what it says of a key proves nothing.
    case replica
    case database(DatabaseError)
}
