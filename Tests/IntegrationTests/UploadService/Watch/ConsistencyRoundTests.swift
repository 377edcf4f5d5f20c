import Determinism
import EventContracts
import Foundation
import Logging
import ObjectStore
import PostgresClient
import ServiceBootstrap
import ServiceParts
import TestSupport
import Testing
import TransactionalOutbox

@testable import UploadService

/// Real checks, real plans, real runs; the index is empty, and every file too young to be missed in it.
@Suite("a scheduled run checks, plans, and cleans no further than it may", .timeLimit(.minutes(3)))
struct ConsistencyRoundTests {
    private static let makeDue: Statement = "UPDATE rounds SET since = '-infinity', finished_at = NULL"
    private static let plans: Statement = """
        SELECT check_id, created_by, state, item_count FROM repair_plans ORDER BY created_at
        """
    private static let report: Statement = """
        UPDATE consistency_checks SET finding_counts = '{"orphan_object": 1}' WHERE id = $1
        """
    private static let settings = RoundSettings(checkInterval: .seconds(3_600), cleansAutomatically: true)

    private func with(_ body: @escaping @Sendable (ServiceUnderTest) async throws -> Void) async throws {
        try await ServiceUnderTest.withRepairs({ options in
            options.checks.recheckPause = .milliseconds(50)
            options.checks.requestsPerSecond = 10_000
            options.checks.pollInterval = .milliseconds(20)
            options.hasChecks = false
        }) { service in
            _ = try await service.pool.execute(Self.makeDue)
            // Without a relay and a sweep nobody could tell gaps from what is on its way.
            try await service.wiring.publication.store.register()
            try await PassingRelay(pool: service.pool).pass()
            _ = try await service.wiring.publication.noteAll()
            try await body(service)
        }
    }

    /// One round of the scheduler, with checks that can see everything, or not the index.
    private func turn(_ service: ServiceUnderTest, seesIndex: Bool) async throws {
        guard seesIndex else { return try await turn(service, nil) }
        try await IndexerWorld.withDatabase { pool in
            try await IndexOverHTTP.serve(pool) { try await turn(service, $0) }
        }
    }

    private func turn(_ service: ServiceUnderTest, _ index: IndexerClient?) async throws {
        let pool = service.pool
        var world = CheckWorld(service: service)
        world.settings = service.wiring.surroundings.checks
        let checks = ConsistencyChecks(
            world.tools(indexer: index),
            gaps: { after, age, limit throws(DatabaseError) in
                try await PublicationStore.gaps(after: after, olderThan: age, limit: limit, on: pool)
            },
            logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }
        )
        let driving = Task { try await checks.run() }
        defer { driving.cancel() }
        let round = ConsistencyRound(checks: checks, repairs: service.repairs)
        #expect(try await service.wiring.scheduler(round, Self.settings).turn())
    }

    private func steps(_ service: ServiceUnderTest) async -> [String] {
        await service.metrics.renderPrometheusText().split(separator: "\n")
            .filter { $0.hasPrefix("waybill_scheduled_steps_total{") }
            .map { $0.dropFirst("waybill_scheduled_steps_total".count).description }.sorted()
    }

    @Test func whatIsWithinTheBrakeIsCleaned() async throws {
        try await with { service in
            let kept = try await service.upload("kept.txt").id
            let object = try await service.plantObject()
            try await service.plantSightings(of: object)
            try await turn(service, seesIndex: true)
            let check = try #require(
                try await CheckStore.newest(complete: true, on: service.pool),
                "the check saw all there is"
            )
            #expect(check.request.requestedBy == "scheduler" && check.counts?["orphan_object"] == 1)
            let plan = try #require(try await service.pool.query(Self.plans).first)
            #expect(try plan.uuid(0) == check.id && plan.text(1) == "scheduler" && plan.int64(3) == 1)
            #expect(try await service.orders().compactMap(\.quarantinedKey) == [object.key])
            #expect(try await service.state(of: kept) == "AVAILABLE")
            #expect(
                await steps(service) == [
                    #"{step="check",outcome="done"} 1"#, #"{step="clean",outcome="done"} 1"#,
                    #"{step="plan",outcome="done"} 1"#,
                ]
            )
        }
    }

    /// One more than the brake lets pass: the plan waits for somebody who has looked at it.
    @Test func whatIsOverTheBrakeIsLeftForAPerson() async throws {
        try await with { service in
            for number in 0...100 {
                try await service.plantSightings(of: try await service.plantObject("orphan \(number)"))
            }
            try await turn(service, seesIndex: true)
            let plans = try await service.pool.query(Self.plans)
            #expect(plans.count == 1)
            #expect(try plans.first?.text(2) == "PLANNED" && plans.first?.int64(3) == 101)
            #expect(try await service.orders().isEmpty)
            #expect(await steps(service).contains(#"{step="clean",outcome="failed"} 1"#))
        }
    }

    /// Its own check is not complete, since nobody tells it of the index; that of before is of this database, and young enough, or not.
    @Test(
        arguments: [
            ("SELECT $1::uuid", true),
            ("UPDATE consistency_checks SET incarnation = '1/00000001' WHERE id = $1", false),
            (
                """
                UPDATE consistency_checks SET finished_at = clock_timestamp() - interval '7190 s' WHERE id = $1
                """, true
            ),
            (
                """
                UPDATE consistency_checks SET finished_at = clock_timestamp() - interval '7210 s' WHERE id = $1
                """, false
            ),
        ] as [(Statement, Bool)]
    )
    func anEarlierCheckCounts(_ change: Statement, _ isUsed: Bool) async throws {
        try await with { service in
            let (check, object) = try await service.plantRipeOrphan()
            _ = try await service.pool.execute(Self.report, check)
            _ = try await service.pool.query(change, check)
            try await turn(service, seesIndex: false)
            let own = try #require(try await CheckStore.newest(complete: false, on: service.pool))
            #expect(own.request.requestedBy == "scheduler" && own.isComplete == false)
            let plans = try await service.pool.query(Self.plans)
            #expect(try plans.map { try $0.uuid(0) } == (isUsed ? [check] : []))
            #expect(try await service.orders().compactMap(\.quarantinedKey) == (isUsed ? [object.key] : []))
        }
    }
}

extension FileEvent {
    fileprivate var quarantinedKey: String? {
        guard case .objectQuarantined(let object) = detail else { return nil }
        return object.objectKey
    }
}
