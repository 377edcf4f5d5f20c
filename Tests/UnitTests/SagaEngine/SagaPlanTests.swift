import SagaEngine
import Testing

@Suite("A saga's plan is a function of its log")
struct SagaPlanTests {
    private typealias Run = (log: [SagaEntry], end: SagaPlan)

    private static let nothing: Step<Int>.Action = { _, _ throws(StepFailure) in .unrecorded }

    /// Three steps with an undo or none, the pivot, two that are repeated until they succeed.
    private static func makeSaga() throws -> Saga<Int> {
        try Saga(
            "trip.v1",
            [
                Step("car", .compensatable(undo: nothing), run: nothing),
                Step("look", .compensatable(undo: nil), run: nothing),
                Step("hotel", .compensatable(undo: nothing), run: nothing),
                Step("pay", .pivot, run: nothing),
                Step("print", .retriable, run: nothing),
                Step("send", .retriable, run: nothing),
            ]
        )
    }

    /// Follows the plan as the runner does; `outcome` says how the nth action ends.
    private static func follow(_ saga: Saga<Int>, _ outcome: (SagaPlan) -> Bool) -> Run {
        var log: [SagaEntry] = []
        for _ in 0..<50 {
            let plan = saga.plan(after: log)
            switch plan {
            case .run(let index):
                if hasUndo(index), !log.contains(.started(index)) { log.append(.started(index)) }
                log.append(outcome(plan) ? .succeeded(index) : .failed(index))
            case .undo(let index): log.append(.undone(index))
            case .completed, .compensated, .unreadable: return (log, plan)
            }
        }
        return (log, .unreadable)
    }

    private static func hasUndo(_ index: Int) -> Bool { index == 0 || index == 2 }

    @Test func everyPrefixOfAGoodRunGoesOnWhereItStopped() throws {
        let saga = try Self.makeSaga()
        let run = Self.follow(saga) { _ in true }
        #expect(run.end == .completed)
        for length in 0..<run.log.count {
            let prefix = Array(run.log.prefix(length))
            let done = prefix.count { if case .succeeded = $0 { true } else { false } }
            #expect(saga.plan(after: prefix) == .run(done), "cut at \(length)")
        }
    }

    @Test(arguments: 0..<4) func everyPrefixOfAFailedRunUnwindsBackwards(failing: Int) throws {
        let saga = try Self.makeSaga()
        let run = Self.follow(saga) { $0 != .run(failing) }
        #expect(run.end == .compensated)
        let undone = run.log.compactMap { if case .undone(let index) = $0 { index } else { nil } }
        #expect(undone == [2, 0].filter { $0 <= failing })
        let failedAt = try #require(run.log.firstIndex(of: .failed(failing)))
        for length in 0...run.log.count {
            let prefix = Array(run.log.prefix(length))
            let plan = saga.plan(after: prefix)
            if length <= failedAt {
                let done = prefix.count { if case .succeeded = $0 { true } else { false } }
                #expect(plan == .run(done), "cut at \(length)")
            } else {
                let next = undone.dropFirst(length - failedAt - 1).first
                #expect(plan == next.map { .undo($0) } ?? .compensated, "cut at \(length)")
            }
        }
    }

    @Test(arguments: [4, 5]) func afterThePivotAFailureOnlyMeansAgain(failing: Int) throws {
        let saga = try Self.makeSaga()
        let before = (0..<failing).map { SagaEntry.succeeded($0) }
        let failures = Array(repeating: SagaEntry.failed(failing), count: 7)
        #expect(saga.plan(after: before + failures) == .run(failing))
        #expect(saga.plan(after: before + failures + [.succeeded(failing)]) != .run(failing))
    }

    @Test func repeatedEntriesChangeNothing() throws {
        let saga = try Self.makeSaga()
        for failing in 0...6 {
            let run = Self.follow(saga) { $0 != .run(failing) || failing > 3 }
            for length in 0...run.log.count {
                let prefix = Array(run.log.prefix(length))
                for index in prefix.indices {
                    let doubled = Array(prefix[...index]) + Array(prefix[index...])
                    #expect(saga.plan(after: doubled) == saga.plan(after: prefix), "\(doubled.map(\.text))")
                }
            }
        }
    }

    @Test func aLogOfANewerProgramIsLeftAlone() throws {
        let saga = try Self.makeSaga()
        for entry in [SagaEntry.started(6), .succeeded(6), .failed(.max)] {
            #expect(saga.plan(after: [.succeeded(0), entry]) == .unreadable)
        }
    }

    @Test func entriesSurviveBeingStored() {
        for entry in [SagaEntry.started(0), .succeeded(12), .failed(3), .undone(7)] {
            #expect(SagaEntry(text: entry.text) == entry)
        }
        for text in ["", "started", "started -1", "begun 1", "started 1 2", "started x"] {
            #expect(SagaEntry(text: text) == nil, "\(text)")
        }
    }

    @Test func aListOutOfOrderIsRefused() {
        let (compensatable, pivot) = (
            Step<Int>("a", .compensatable(undo: nil), run: Self.nothing),
            Step<Int>("b", .pivot, run: Self.nothing)
        )
        let retriable = Step<Int>("c", .retriable, run: Self.nothing)
        let second = Step<Int>("b2", .pivot, run: Self.nothing)
        for steps in [
            [pivot, compensatable], [retriable, pivot], [compensatable], [compensatable, retriable],
            [pivot, second], [pivot, pivot], [],
        ] {
            #expect(throws: MalformedSaga.self) { try Saga("bad.v1", steps) }
        }
        #expect(throws: Never.self) { try Saga("good.v1", [compensatable, pivot, retriable]) }
        #expect(throws: Never.self) { try Saga("good.v1", [retriable]) }
    }
}
