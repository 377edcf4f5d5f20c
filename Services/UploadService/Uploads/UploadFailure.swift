import EventContracts
import ObjectStore
import PostgresClient
import SagaEngine

import struct FoundationEssentials.UUID

/// Everything that can keep a file from coming in. Cases say what happened, never how to answer.
enum UploadFailure: Error, Sendable {
    /// The owner has a visible file of that name. Nothing of the new one is kept.
    case nameTaken(name: String, existing: UUID?)
    /// In normalization form C the name has more than 1 024 bytes. Nothing is kept.
    case nameTooLong
    case tooLarge(limit: Int64)
    /// The tenant may not store so much more. Nothing is kept.
    case quotaExceeded
    /// As many transfers are under way as there may be. Not a byte was read.
    case busy
    case digestMismatch(declared: String, actual: String)
    /// The body ended before, or went on after, the declared size.
    case sizeMismatch(declared: Int64, received: Int64)
    /// The client stopped sending. Nothing is kept.
    case bodyFailed(any Error)
    /// The store did not take the bytes. Nothing is kept.
    case store(StoreFailure)
    /// Nothing was written.
    case database(DatabaseError)
    /// The commit's answer was lost and the database cannot be asked: the file may or may not exist.
    case outcomeUnknown(file: UUID)
    /// Another process has decided that this transfer is over. Nothing is kept.
    case lost
}

extension UploadFailure {
    init(_ failure: TransactionError<any Error>) {
        switch failure {
        case .rolledBack(let reason as UploadFailure): self = reason
        case .rolledBack(let reason as DatabaseError): self = Self(reason)
        case .rolledBack(KeyFailure.overtaken): self = .lost
        case .rolledBack(let reason): self = .database(.unexpectedResult("\(reason)"))
        case .notStarted(let reason), .commitOutcomeUnknown(let reason): self = .database(reason)
        // Statements travel with COMMIT.
        case .commitRefused(let reason): self = Self(reason)
        }
    }

    /// What the database holds rows to, and this program cannot tell beforehand.
    init(_ reason: DatabaseError) {
        if reason.isViolation(of: UploadStore.nameLimit) {
            self = .nameTooLong
        } else if reason.isViolation(of: QuotaStore.limit) {
            self = .quotaExceeded
        } else {
            self = .database(reason)
        }
    }

    /// Whether the same transaction may succeed a moment later.
    var mayPass: Bool {
        if case .database(let reason) = self { return reason.isTransient }
        return false
    }

    /// Whether the database itself said, with the upload's row locked, that there is no file: it also speaks of every
    /// earlier attempt. Whatever else fails leaves an earlier attempt whose answer was lost as uncertain as it was.
    var isVerdict: Bool {
        switch self {
        case .lost, .nameTaken, .quotaExceeded: true
        case .nameTooLong, .tooLarge, .busy, .digestMismatch, .sizeMismatch, .bodyFailed, .store, .database,
            .outcomeUnknown:
            false
        }
    }

    /// What the failure means to a saga that stands at its pivot.
    var atPivot: StepFailure {
        switch self {
        case .lost: .lost
        // Whoever claims the saga next finds out what became of the commit.
        case .database, .outcomeUnknown: .transient("\(self)")
        case .nameTaken, .nameTooLong, .tooLarge, .quotaExceeded, .busy, .digestMismatch, .sizeMismatch,
            .bodyFailed, .store:
            .definite("\(self)")
        }
    }

    /// How the upload's row ends.
    var doom: DoomedUpload {
        switch self {
        case .bodyFailed: DoomedUpload(state: .aborted, reason: "the client stopped sending")
        case .nameTaken: DoomedUpload(state: .failed, reason: "a file of that name was stored meanwhile")
        case .nameTooLong: DoomedUpload(state: .failed, reason: "the name is too long")
        case .tooLarge(let limit): DoomedUpload(state: .failed, reason: "larger than \(limit) bytes")
        case .quotaExceeded: DoomedUpload(state: .failed, reason: "the tenant's quota is used up")
        case .digestMismatch: DoomedUpload(state: .failed, reason: "the SHA-256 is not the declared one")
        case .sizeMismatch: DoomedUpload(state: .failed, reason: "the size is not the declared one")
        case .store(let failure): DoomedUpload(state: .failed, reason: "object store: \(failure)")
        case .busy, .database, .outcomeUnknown, .lost: .processGone
        }
    }
}

/// The final state of an upload that did not become a file, and why.
struct DoomedUpload: Sendable {
    let state: UploadState
    /// At most `EventLimits.reasonBytes` long and free of control characters: an event that cannot be written would keep
    /// the upload from ever being discarded.
    let reason: String

    init(state: UploadState, reason: String) {
        self.state = state
        var text = String.UnicodeScalarView()
        var byteCount = 0
        for scalar in reason.unicodeScalars {
            byteCount += UTF8.width(scalar)
            if byteCount > EventLimits.reasonBytes { break }
            text.append(scalar.properties.generalCategory == .control ? " " : scalar)
        }
        self.reason = String(text)
    }

    static let processGone = DoomedUpload(
        state: .failed,
        reason: "the process that received the bytes is gone"
    )
}
