import ObjectStore
import PostgresClient

import struct FoundationEssentials.UUID

/// What can keep a request about an upload session from being served. Unless a case says otherwise, what the session holds is
/// kept and it can go on.
enum SessionFailure: Error, Sendable {
    /// There is none, or it is not the caller's: the two cannot be told apart.
    case notFound
    /// The id the client chose is in use for something else. Nothing was written.
    case idTaken
    /// The part size the client chose does not do. Nothing was written.
    case planRefused(PartPlan.Refusal)
    /// The store would not look at checksums of parts. Nothing was written.
    case checksumsUnchecked
    /// The upload is in no state for this.
    case illegal(UploadState)
    /// Its parts are being put together.
    case completing
    /// There is no part of that number.
    case noSuchPart(count: Int)
    /// Every part of the session is protected by a checksum of this kind, or of none.
    case checksumKind(PartChecksum.Kind?)
    /// `received` is nil when it is only known to be more.
    case partSizeMismatch(number: Int, expected: Int64, received: Int64?)
    /// Other bytes of that number were stored before. They stay.
    case partDiffers(Int)
    /// Another request is sending that part.
    case partArriving(Int)
    /// The store does not know the session's parts at the moment. Nothing was changed.
    case partsUnknown
    case partsMissing([Int])
    /// These are not what the plan or their checksums demand, and have to be sent again.
    case partsWrong([Int])
    /// A file of that name exists; the session waits.
    case nameTaken(name: String, existing: UUID)
    /// A SHA-256 was declared twice, and differently.
    case digestsDiffer
    /// The parts are not put together yet; that goes on without the client.
    case unfinished
    /// The session has ended with this. Nothing is kept.
    case ended(UploadFailure)
    /// As many transfers are under way as there may be.
    case busy
    case bodyFailed(any Error)
    case partDigestMismatch(declared: String, actual: String)
    case store(StoreFailure)
    case database(DatabaseError)
    /// The name or size cannot be taken at all. Nothing was written.
    case refused(UploadFailure)
}

extension SessionFailure {
    init(_ failure: TransactionError<any Error>) {
        switch failure {
        case .rolledBack(let reason as SessionFailure): self = reason
        case .rolledBack(let reason as DatabaseError): self = .database(reason)
        case .rolledBack(let reason): self = .database(.unexpectedResult("\(reason)"))
        case .notStarted(let reason), .commitRefused(let reason), .commitOutcomeUnknown(let reason):
            self = .database(reason)
        }
    }

    /// Why a session could not be opened.
    init(opening failure: DatabaseError) {
        let reason = UploadFailure(failure)
        switch reason {
        case .nameTooLong, .quotaExceeded: self = .refused(reason)
        default: self = .database(failure)
        }
    }

    /// What became of a part whose body or whose transfer failed.
    init(part number: Int, _ failure: StoreFailure) {
        switch failure {
        case .bodyFailed(UploadFailure.digestMismatch(let declared, let actual)):
            self = .partDigestMismatch(declared: declared, actual: actual)
        case .bodyFailed(UploadFailure.sizeMismatch(let expected, let received)):
            self = .partSizeMismatch(number: number, expected: expected, received: received)
        case .bodyFailed(UploadFailure.tooLarge(let expected)):
            self = .partSizeMismatch(number: number, expected: expected, received: nil)
        case .bodyFailed(let reason as BodyLengthMismatch):
            self = .partSizeMismatch(number: number, expected: reason.declared, received: reason.received)
        case .bodyFailed(let reason): self = .bodyFailed(reason)
        default: self = .store(failure)
        }
    }
}
