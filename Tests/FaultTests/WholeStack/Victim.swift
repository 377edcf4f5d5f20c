import FaultPoints
import TestSupport
import Testing

/// A program, and the points at which it is to die.
struct Victim: Sendable, CustomTestStringConvertible {
    let program: StackProgram
    let points: [FaultPoint]
    var testDescription: String { program.rawValue }

    static let all: [Victim] = StackProgram.allCases.compactMap { program in
        let points = FaultPoint.allCases.filter { $0.programs.contains(program) }
        return points.isEmpty ? nil : Victim(program: program, points: points)
    }
}

extension FaultPoint {
    /// No `default`: a new point does not compile until somebody has said where it is reached.
    fileprivate var programs: [StackProgram] {
        switch self {
        case .beforeUploadReserved, .afterUploadReserved, .beforeObjectPut, .afterObjectPut,
            .beforeUploadCommitted, .afterUploadCommitted, .beforeUploadDiscarded, .afterUploadDiscarded,
            .beforeKeyClaimed, .afterKeyClaimed, .beforeKeyAnswered, .afterKeyAnswered,
            .beforeKeyReleased, .afterKeyReleased,
            .beforeDeleteMarked, .afterDeleteMarked, .beforePurgePivot, .afterPurgePivot,
            .beforePurgeConfirmed, .afterPurgeConfirmed,
            .beforeSessionOpened, .afterSessionOpened, .beforeMultipartOpened, .afterMultipartOpened,
            .beforePartSent, .afterPartSent, .beforeCompletionClaimed, .afterCompletionClaimed,
            .beforePartsAssembled, .afterPartsAssembled, .beforeSessionCleared, .afterSessionCleared:
            [.uploadService]
        case .beforeTickPersisted, .afterTickPersisted, .beforePageProduced, .afterPageProduced,
            .beforePageAcked, .afterPageAcked, .beforeRelayAdvanced, .afterRelayAdvanced,
            .beforeOutboxRotated, .afterOutboxRotated:
            [.outboxRelay]
        case .beforeBatchDecoded, .afterBatchDecoded, .beforeBatchCommitted, .afterBatchCommitted,
            .beforeOffsetStored, .afterOffsetStored, .beforeSagaClaimed, .afterSagaClaimed,
            .beforeSagaStepRecorded, .afterSagaStepRecorded:
            [.uploadService, .indexerService]
        case .beforeObjectVerified, .afterObjectVerified, .beforeIndexCommitted, .afterIndexCommitted,
            .beforeBytesDeleted, .afterBytesDeleted, .beforeRemovalReported, .afterRemovalReported:
            [.indexerService]
        // Nothing is repaired under this load: `RepairDeathTests` has something repaired.
        case .beforeRepairCommitted, .afterRepairCommitted, .beforeRepairUndone, .afterRepairUndone,
            .beforeTrashCopied, .afterTrashCopied, .beforeOriginalDeleted, .afterOriginalDeleted,
            .beforeTrashReturned, .afterTrashReturned, .beforeTrashReported, .afterTrashReported:
            []
        // Nothing is parked under this load: `ReplayDeathTests` parks something.
        case .beforeParkedReplayed, .afterParkedReplayed: []
        }
    }
}
