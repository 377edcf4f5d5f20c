import FaultPoints
import TestSupport
import Testing

/// Every fault point, each in a process that really dies there under load, on a real stack.
@Suite("I50 a process that dies at any point breaks nothing", .serialized, .timeLimit(.minutes(15)))
struct ProcessDeathTests {
    @Test(arguments: Victim.all)
    func diesAtEachOfItsPoints(victim: Victim) async throws {
        try await TestStack.with { stack in
            var load = Load(stack: stack)
            var survived: [FaultPoint] = []
            for point in victim.points {
                _ = try await stack.stop(victim.program)
                try await stack.start(victim.program, crashAt: point)
                try await load.run()
                // A point that is never reached shows as a process that lives on.
                let exit = try? await stack.exit(of: victim.program, within: .seconds(25))
                if exit != .exited(137) { survived.append(point) }
                if exit != nil { try await stack.start(victim.program) }
            }
            #expect(survived == [], "these points were not reached")
            let violations = try await stack.violations(within: .seconds(90))
            #expect(violations == [])
            #expect(load.acknowledgedCount > 0)
        }
    }
}

/// A program, and the points at which it is to die.
struct Victim: Sendable, CustomTestStringConvertible {
    let program: StackProgram
    let points: [FaultPoint]
    var testDescription: String { program.rawValue }

    static let all: [Victim] = StackProgram.allCases.compactMap { program in
        let points = FaultPoint.allCases.filter { $0.program == program }
        return points.isEmpty ? nil : Victim(program: program, points: points)
    }
}

extension FaultPoint {
    /// No `default`: a new point does not compile until somebody has said where it is reached.
    fileprivate var program: StackProgram {
        switch self {
        case .beforeUploadReserved, .afterUploadReserved, .beforeObjectPut, .afterObjectPut,
            .beforeUploadCommitted, .afterUploadCommitted, .beforeUploadDiscarded, .afterUploadDiscarded,
            .beforeDeleteMarked, .afterDeleteMarked, .beforePurgePivot, .afterPurgePivot,
            .beforePurgeConfirmed, .afterPurgeConfirmed, .beforeSagaClaimed, .afterSagaClaimed,
            .beforeSagaStepRecorded, .afterSagaStepRecorded:
            .uploadService
        case .beforeTickPersisted, .afterTickPersisted, .beforePageProduced, .afterPageProduced,
            .beforePageAcked, .afterPageAcked, .beforeRelayAdvanced, .afterRelayAdvanced,
            .beforeOutboxRotated, .afterOutboxRotated:
            .outboxRelay
        case .beforeBatchDecoded, .afterBatchDecoded, .beforeBatchCommitted, .afterBatchCommitted,
            .beforeOffsetStored, .afterOffsetStored, .beforeObjectVerified, .afterObjectVerified,
            .beforeIndexCommitted, .afterIndexCommitted, .beforeBytesDeleted, .afterBytesDeleted,
            .beforeRemovalReported, .afterRemovalReported:
            .indexerService
        }
    }
}

/// A little of everything: files come in, one is refused, one goes for good, one goes to the trash and back.
/// Requests may fail, for the service may die; what was acknowledged is remembered by the stack.
private struct Load {
    let stack: TestStack
    private var round = 0
    private(set) var acknowledgedCount = 0

    init(stack: TestStack) { self.stack = stack }

    mutating func run() async throws {
        round += 1
        let wrong = String(repeating: "0", count: 64)
        _ = try? await stack.upload("refused-\(round)", [1, 2, 3], fields: ["x-content-sha256": wrong])
        let purged = try? await stack.store("purged-\(round)", "soon gone \(round)")
        let kept = try? await stack.store("kept-\(round)", "stays for ever \(round)")
        acknowledgedCount += [purged, kept].count { $0 != nil }
        if let kept {
            _ = try? await stack.delete(kept)
            _ = try? await stack.restore(kept)
        }
        if let purged { _ = try? await stack.delete(purged, purge: true) }
    }
}
