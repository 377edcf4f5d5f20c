import Testing

@testable import UploadService

@Suite("I12 the history of an upload is a path of its state machine")
struct UploadStateTests {
    /// Every arrow that changes something. What is not listed is a repeat or illegal.
    static let arrows: [UploadState: [UploadEvent: UploadState]] = [
        .pending: [
            .bytesArrived: .active, .committed: .completed, .failed: .failed, .clientAborted: .aborted,
            .deadlinePassed: .expired,
        ],
        .active: [
            .completionClaimed: .completing, .committed: .completed, .failed: .failed,
            .clientAborted: .aborted,
            .deadlinePassed: .expired,
        ],
        .completing: [.committed: .completed, .failed: .failed],
        .failed: [.bytesRemoved: .reaped],
        .aborted: [.bytesRemoved: .reaped],
        .expired: [.bytesRemoved: .reaped],
    ]
    static let repeats: [UploadState: Set<UploadEvent>] = [
        .active: [.bytesArrived], .completing: [.completionClaimed], .completed: [.committed],
        .failed: [.failed],
        .aborted: [.clientAborted], .expired: [.deadlinePassed], .reaped: [.bytesRemoved],
    ]

    @Test(arguments: UploadState.allCases, UploadEvent.allCases)
    func movesAlongItsArrowsOnly(_ state: UploadState, _ event: UploadEvent) throws {
        if let target = Self.arrows[state]?[event] {
            #expect(try state.applying(event) == target)
        } else if Self.repeats[state]?.contains(event) == true {
            #expect(try state.applying(event) == state)
        } else {
            #expect(throws: IllegalTransition(state: state, event: event)) { try state.applying(event) }
        }
    }

    @Test(arguments: UInt64(0)..<20)
    func anyHistoryEndsWithAFileOrWithoutButNeverBoth(seed: UInt64) {
        var random = SeededGenerator(seed: seed)
        for _ in 0..<100 {
            var state = UploadState.pending
            var seen: [UploadState] = [state]
            for _ in 0..<20 {
                guard let event = UploadEvent.allCases.randomElement(using: &random) else { continue }
                state = (try? state.applying(event)) ?? state
                seen.append(state)
            }
            let hadFile = seen.contains(.completed)
            #expect(!hadFile || !seen.contains { $0.isDoomed || $0 == .reaped }, "seed \(seed): \(seen)")
        }
    }

    @Test func bytesMayBeRemovedInDoomedStatesOnly() {
        let removable = UploadState.allCases.filter { state in
            (try? state.applying(.bytesRemoved)).map { $0 != state } ?? false
        }
        #expect(Set(removable) == UploadState.doomed)
    }
}

@Suite("I12 the history of a file is a path of its state machine")
struct FileStateTests {
    static let arrows: [FileState: [FileTransition: FileState]] = [
        .available: [.deleted: .deleted, .rejected: .quarantined],
        .deleted: [.restored: .available, .purgeStarted: .purging],
        .purging: [.bytesRemoved: .purged],
        .quarantined: [.deleted: .deleted, .released: .available],
    ]
    static let repeats: [FileState: Set<FileTransition>] = [
        .available: [.restored, .released], .deleted: [.deleted, .rejected],
        .purging: [.deleted, .purgeStarted, .rejected],
        .purged: [.deleted, .purgeStarted, .bytesRemoved, .rejected], .quarantined: [.rejected],
    ]

    @Test(arguments: FileState.allCases, FileTransition.allCases)
    func movesAlongItsArrowsOnly(_ state: FileState, _ event: FileTransition) throws {
        if let target = Self.arrows[state]?[event] {
            #expect(try state.applying(event) == target)
        } else if Self.repeats[state]?.contains(event) == true {
            #expect(try state.applying(event) == state)
        } else {
            #expect(throws: IllegalTransition(state: state, event: event)) { try state.applying(event) }
        }
    }

    @Test(arguments: UInt64(0)..<20)
    func nothingComesBackOncePurgingStarted(seed: UInt64) {
        var random = SeededGenerator(seed: seed)
        for _ in 0..<100 {
            var state = FileState.available
            var isPurging = false
            for _ in 0..<30 {
                guard let event = FileTransition.allCases.randomElement(using: &random) else { continue }
                state = (try? state.applying(event)) ?? state
                isPurging = isPurging || state == .purging
                #expect(!isPurging || state == .purging || state == .purged, "seed \(seed)")
            }
        }
    }
}
