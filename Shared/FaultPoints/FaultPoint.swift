/// Every place where a crash is interesting: just before and just after each durable step.
///
/// The raw value is the name a fault run is given; tests walk `allCases` and expect each to be reached.
public enum FaultPoint: String, CaseIterable, Sendable {
    // UploadService: a file comes in
    case beforeUploadReserved, afterUploadReserved
    case beforeObjectPut, afterObjectPut
    case beforeUploadCommitted, afterUploadCommitted
    case beforeUploadDiscarded, afterUploadDiscarded

    // UploadService: a file comes in by a session
    case beforeSessionOpened, afterSessionOpened
    case beforeMultipartOpened, afterMultipartOpened
    case beforePartSent, afterPartSent
    case beforeCompletionClaimed, afterCompletionClaimed
    case beforePartsAssembled, afterPartsAssembled
    case beforeSessionCleared, afterSessionCleared

    // UploadService: a request with an Idempotency-Key
    case beforeKeyClaimed, afterKeyClaimed
    case beforeKeyAnswered, afterKeyAnswered
    case beforeKeyReleased, afterKeyReleased

    // UploadService: a file goes
    case beforeDeleteMarked, afterDeleteMarked
    case beforePurgePivot, afterPurgePivot
    case beforePurgeConfirmed, afterPurgeConfirmed

    // OutboxRelay
    case beforeTickPersisted, afterTickPersisted
    case beforePageProduced, afterPageProduced
    case beforePageAcked, afterPageAcked
    case beforeRelayAdvanced, afterRelayAdvanced
    case beforeOutboxRotated, afterOutboxRotated

    // Consumers of both services
    case beforeBatchDecoded, afterBatchDecoded
    case beforeBatchCommitted, afterBatchCommitted
    case beforeOffsetStored, afterOffsetStored
    case beforeParkedReplayed, afterParkedReplayed

    // IndexerService: a file becomes findable
    case beforeObjectVerified, afterObjectVerified
    case beforeIndexCommitted, afterIndexCommitted

    // IndexerService: bytes go
    case beforeBytesDeleted, afterBytesDeleted
    case beforeRemovalReported, afterRemovalReported

    // UploadService: a repair is carried out, or taken back
    case beforeRepairCommitted, afterRepairCommitted
    case beforeRepairUndone, afterRepairUndone

    // IndexerService: an object goes to the trash, or comes back
    case beforeTrashCopied, afterTrashCopied
    case beforeOriginalDeleted, afterOriginalDeleted
    case beforeTrashReturned, afterTrashReturned
    case beforeTrashReported, afterTrashReported

    // SagaEngine
    case beforeSagaClaimed, afterSagaClaimed
    case beforeSagaStepRecorded, afterSagaStepRecorded
}

/// A crash that a test asked for. Whoever catches it must leave things as a dead process would: undone.
public struct InjectedCrash: Error, Equatable, Sendable {
    public let point: FaultPoint
    public init(point: FaultPoint) { self.point = point }
}

/// Told whenever the program passes a fault point.
public protocol Faults: Sendable {
    /// - Throws: when the run is to crash here. Production never does.
    func reach(_ point: FaultPoint) throws(InjectedCrash)
}

/// What production runs with.
public struct NoFaults: Faults {
    public init() {}
    public func reach(_ point: FaultPoint) throws(InjectedCrash) {}
}
