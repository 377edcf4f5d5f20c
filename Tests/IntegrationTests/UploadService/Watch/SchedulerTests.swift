import Foundation
import Logging
import PostgresClient
import ServiceBootstrap
import Synchronization
import TestSupport
import Testing

@testable import UploadService

/// Notes what it is asked for.
private final class NotedWork: ScheduledWork {
    struct Failed: Error {}

    let steps = Mutex<[String]>([])
    let failing: Set<String>
    let gate: Bool
    /// What an earlier run has found out.
    let last: (id: UUID, age: Duration)?
    let isComplete: Bool
    let planned = Mutex<[UUID]>([])

    init(
        failing: Set<String> = [],
        gate: Bool = false,
        last: (id: UUID, age: Duration)? = nil,
        isComplete: Bool = true
    ) {
        self.failing = failing
        self.gate = gate
        self.last = last
        self.isComplete = isComplete
    }

    private func note(_ step: String) throws {
        steps.withLock { $0.append(step) }
        if failing.contains(step) { throw Failed() }
    }

    func check() async throws -> ScheduledCheck {
        try note("check")
        // Until the process dies.
        while gate { try await Task<Never, Never>.yieldOrThrow() }
        return ScheduledCheck(id: UUID(), isComplete: isComplete, findingCount: 3)
    }

    func lastCompleteCheck(within limit: Duration) async throws -> ScheduledCheck? {
        guard let last, last.age <= limit else { return nil }
        return ScheduledCheck(id: last.id, isComplete: true, findingCount: 3)
    }

    func plan(of check: UUID) async throws -> ScheduledPlan {
        try note("plan")
        planned.withLock { $0.append(check) }
        return ScheduledPlan(id: UUID(), itemCount: 3)
    }

    func run(_ plan: UUID) async throws -> String {
        try note("clean")
        return "3 done"
    }
}

extension Task where Success == Never, Failure == Never {
    fileprivate static func yieldOrThrow() async throws {
        try checkCancellation()
        await yield()
    }
}

@Suite(
    "scheduled work is done by one process, in time, and a failing step stops no other",
    .timeLimit(.minutes(1))
)
struct SchedulerTests {
    private static let makeDue: Statement = "UPDATE rounds SET since = '-infinity', finished_at = NULL"
    private static let endedBefore: Statement = """
        UPDATE rounds SET jitter = make_interval(secs => $1::bigint),
               finished_at = clock_timestamp() - make_interval(secs => $2::bigint)
        """
    private static let letLeasesEnd: Statement = "UPDATE leases SET expires = '-infinity'"

    private func settings(_ cleans: Bool) -> RoundSettings {
        RoundSettings(checkInterval: .seconds(3_600), cleansAutomatically: cleans)
    }

    @Test func twoSchedulersMakeOneRun() async throws {
        try await ServiceUnderTest.run { service async throws in
            let work = NotedWork()
            let (first, second) = (
                service.wiring.scheduler(work, settings(true)), service.wiring.scheduler(work, settings(true))
            )
            #expect(try await !first.turn(), "the first is due one interval after the service was set up")
            _ = try await service.pool.execute(Self.makeDue)
            async let left = first.turn()
            async let right = second.turn()
            let ended = try await [left, right]
            #expect(ended.count(where: { $0 }) == 1)
            #expect(work.steps.withLock { $0 } == ["check", "plan", "clean"])
            #expect(try await !first.turn())
            #expect(try await !second.turn())
        }
    }

    @Test func aRunThatWasCutShortIsMadeByAnother() async throws {
        try await ServiceUnderTest.run { service async throws in
            _ = try await service.pool.execute(Self.makeDue)
            let stuck = NotedWork(gate: true)
            let dying = Task { try await service.wiring.scheduler(stuck, settings(false)).turn() }
            try await eventually { !stuck.steps.withLock { $0.isEmpty } }
            dying.cancel()
            _ = await dying.result
            let work = NotedWork()
            _ = try await service.pool.execute(Self.letLeasesEnd)
            #expect(try await service.wiring.scheduler(work, settings(false)).turn())
            #expect(work.steps.withLock { $0 } == ["check", "plan"], "nobody said that it may clean")
        }
    }

    @Test(arguments: [
        ("check", ["check"]), ("plan", ["check", "plan"]), ("clean", ["check", "plan", "clean"]),
    ])
    func aStepThatFailsIsTold(_ failing: String, _ expected: [String]) async throws {
        try await ServiceUnderTest.run { service async throws in
            _ = try await service.pool.execute(Self.makeDue)
            let work = NotedWork(failing: [failing])
            #expect(
                try await service.wiring.scheduler(work, settings(true)).turn(),
                "the next run comes in its time"
            )
            #expect(work.steps.withLock { $0 } == expected)
            let metrics = await service.metrics.renderPrometheusText()
            #expect(
                metrics.contains("waybill_scheduled_steps_total{step=\"\(failing)\",outcome=\"failed\"} 1")
            )
        }
    }

    /// The age is that of the last complete check; the interval is one hour.
    @Test(arguments: [(false, 7_000, true), (true, 7_000, true), (false, 7_300, false)])
    func anEarlierCheckStandsInForOneThatIsNotComplete(
        _ fails: Bool,
        _ age: Int64,
        _ isPlanned: Bool
    ) async throws {
        try await ServiceUnderTest.run { service async throws in
            _ = try await service.pool.execute(Self.makeDue)
            let last = (id: UUID(), age: Duration.seconds(age))
            let work = NotedWork(failing: fails ? ["check"] : [], last: last, isComplete: false)
            #expect(try await service.wiring.scheduler(work, settings(true)).turn())
            #expect(work.steps.withLock { $0 } == (isPlanned ? ["check", "plan", "clean"] : ["check"]))
            #expect(work.planned.withLock { $0 } == (isPlanned ? [last.id] : []))
        }
    }

    /// An hour between runs; the last one has drawn so many seconds more.
    @Test(arguments: [(300, 3_899, false), (300, 3_901, true), (0, 3_601, true)])
    func theNextRunWaitsForTheJitterToo(_ jitter: Int, _ age: Int, _ isDue: Bool) async throws {
        try await ServiceUnderTest.run { service async throws in
            _ = try await service.pool.execute(Self.endedBefore, jitter, age)
            let work = NotedWork()
            #expect(try await service.wiring.scheduler(work, settings(false)).turn() == isDue)
            #expect(work.steps.withLock { $0 }.isEmpty != isDue)
        }
    }

    @Test func inSafeModeNothingIsCleaned() async throws {
        try await ServiceUnderTest.run { service async throws in
            _ = try await service.pool.execute(Self.makeDue)
            _ = try await service.pool.execute("UPDATE incarnation SET identity = 'another'")
            let work = NotedWork()
            #expect(try await service.wiring.scheduler(work, settings(true)).turn())
            #expect(work.steps.withLock { $0 } == ["check", "plan"])
        }
    }
}
