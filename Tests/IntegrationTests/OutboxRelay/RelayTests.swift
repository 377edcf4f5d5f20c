import CRdkafka
import FaultPoints
import PostgresClient
import ServiceBootstrap
import TestSupport
import Testing
import TransactionalOutbox

@testable import KafkaClient
@testable import OutboxRelay

@Suite(
    "I13 I14 I15 I16 every committed version is on the topic, in order, byte for byte",
    .timeLimit(.minutes(2))
)
struct RelayDeliveryTests {
    @Test func underLoad() async throws {
        try await RelayRig.with { rig in
            let relay = RunningRelay(rig.world, rig.cluster, rotation: .init(rowCount: 200, ageSeconds: 1))
            try await rig.write(for: .seconds(3))
            let findings = try await rig.arrivals()
            try await relay.stop()
            findings.report("relay")
            #expect(findings.isClean && findings.repeats == 0 && rig.topic.differences == 0, "\(findings)")
            #expect(relay.figures.snapshot.publishedCount == Int(findings.events))
            #expect(relay.figures.snapshot.failureCount == 0)
        }
    }

    @Test func aBrokerThatGoesAwayAndComesBackGetsEverything() async throws {
        try await RelayRig.with { rig in
            let relay = RunningRelay(rig.world, rig.cluster)
            async let writing: Void = rig.write(for: .seconds(4))
            for _ in 0..<2 {
                try await rig.world.time.sleep(for: .milliseconds(500))
                rig.cluster.takeDown()
                try await rig.world.time.sleep(for: .seconds(1))
                rig.cluster.bringUp()
            }
            try await writing
            try await eventually(within: .seconds(30), "everything acknowledged") {
                try await TickStore(rig.world.pool).unpublishedAgeSeconds() == 0
            }
            let findings = try await rig.arrivals()
            try await relay.stop()
            findings.report("relay, broker away twice")
            #expect(findings.isClean && rig.topic.differences == 0, "\(findings)")
            #expect(try await TickStore(rig.world.pool).parkedCount() == 0)
        }
    }

    @Test func afterAFatalErrorAnotherProducerGoesOn() async throws {
        try await RelayRig.with { rig in
            let relay = RunningRelay(rig.world, rig.cluster)
            async let writing: Void = rig.write(for: .seconds(3))
            for count in 1...3 {
                // A dead producer is noticed when there is something to send.
                try await eventually {
                    try await rig.world.change("tick")
                    return relay.producerCount == count
                }
                try await rig.world.time.sleep(for: .milliseconds(300))
                relay.producer?.raiseFatalError()
            }
            try await writing
            // Whatever the last producer was doing: the next row finds it dead and is published all the same.
            try await rig.world.change("last")
            let findings = try await rig.arrivals()
            try await relay.stop()
            findings.report("relay, 3 fatal producer errors")
            #expect(findings.isClean && rig.topic.differences == 0 && relay.producerCount == 4, "\(findings)")
            #expect(relay.figures.snapshot.failureCount == 3)
        }
    }

    @Test("thrown at every fault point", arguments: FaultPoint.ofTheRelay)
    func crash(at point: FaultPoint) async throws {
        try await RelayRig.with { rig in
            let faults = CrashOnce(at: point, mode: .throw)
            let rotation = TickStore.RotationLimits(rowCount: 20, ageSeconds: 1)
            let relay = RunningRelay(rig.world, rig.cluster, rotation: rotation, faults: faults)
            try await rig.write(for: .milliseconds(700))
            let findings = try await rig.arrivals()
            try await eventually {
                faults.reached.contains(point) && relay.figures.snapshot.failureCount == 1
            }
            try await relay.stop()
            #expect(findings.isClean && rig.topic.differences == 0, "\(findings)")
        }
    }

    @Test func aLostTopicIsRefilled() async throws {
        try await OutboxWorld.with { world in
            try await RelayRig.with(world) { rig in
                let relay = RunningRelay(world, rig.cluster)
                try await rig.write(for: .seconds(1))
                _ = try await rig.arrivals()
                try await relay.stop()
            }
            try await RelayRig.with(world) { rig in
                let relay = RunningRelay(world, rig.cluster, limits: PageLimits(rowCount: 50))
                let events = rig.topic.log.findings(try await world.committed()).events
                #expect(try await rig.submit(.republish) == "\(events) rows published again")
                let findings = try await rig.arrivals()
                #expect(findings.isClean && findings.repeats == 0, "\(findings)")
                #expect(try await rig.submit(.republish, key: "k1").hasSuffix("rows published again"))
                try await relay.stop()
            }
        }
    }
}

extension FaultPoint {
    static let ofTheRelay: [FaultPoint] = [
        .beforeTickPersisted, .afterTickPersisted, .beforePageProduced, .afterPageProduced, .beforePageAcked,
        .afterPageAcked, .beforeRelayAdvanced, .afterRelayAdvanced, .beforeOutboxRotated, .afterOutboxRotated,
    ]
}

@Suite("I17 nothing leaves the outbox before its delivery report", .timeLimit(.minutes(1)))
struct RelayRetentionTests {
    private static let rowCount: Statement = "SELECT count(*) FROM outbox"

    @Test func withoutABrokerEverythingStays() async throws {
        try await RelayRig.with { rig in
            rig.cluster.takeDown()
            let relay = RunningRelay(rig.world, rig.cluster, rotation: .init(rowCount: 1, ageSeconds: 1))
            try await rig.write(for: .seconds(2))
            let events = rig.topic.log.findings(try await rig.world.committed()).events
            #expect(try await rig.world.pool.query(Self.rowCount).first?.int64(0) == events)
            #expect(relay.figures.snapshot.publishedCount == 0)
            rig.cluster.bringUp()
            let findings = try await rig.arrivals()
            #expect(findings.isClean, "\(findings)")
            // Each turn needs a new row; the third empties the first partition.
            try await eventually("the partitions turn") {
                try await rig.world.change("later")
                return try await rig.world.pool.query(Self.rowCount).first?.int64(0) ?? 0 < events
            }
            try await relay.stop()
        }
    }
}

@Suite("I18 a row that cannot be published holds up its own key only", .serialized, .timeLimit(.minutes(2)))
struct RelayParkingTests {
    private static let reasons: Statement = "SELECT version, reason FROM outbox_parked ORDER BY id"

    @Test func aRecordLargerThanTheLibraryTakes() async throws {
        try await RelayRig.with { rig in
            let (world, ticks) = (rig.world, TickStore(rig.world.pool))
            for size in [20, 50_000, 20] { try await world.change("big", byteCount: size) }
            for number in 0..<20 { try await world.change("k\(number % 5)") }
            let small = ["message.max.bytes": "20000", "batch.size": "20000"]
            var relay = RunningRelay(world, rig.cluster, kafka: small)
            try await eventually("the key is parked") { try await ticks.parkedCount() == 2 }
            let rows = try await world.pool.query(Self.reasons).map { (try $0.int64(0), try $0.text(1)) }
            #expect(rows.map(\.0) == [2, 3])
            #expect(rows.first?.1.contains("MSG_SIZE_TOO_LARGE") == true)
            #expect(rows.last?.1 == "waits behind an earlier row of its key")
            // Later rows wait as well, under another leader too; other keys go on.
            try await relay.stop()
            relay = RunningRelay(world, rig.cluster, kafka: small)
            for key in ["big", "k1", "k2"] { try await world.change(key) }
            try await eventually("the later row is parked") { try await ticks.parkedCount() == 3 }
            let others = try await world.committed().filter { $0.key != "big" }
            try await eventually("other keys arrive") { rig.topic.log.findings(others).lost == 0 }
            #expect(try await rig.submit(.unpark) == "0 rows published; still parked: big")
            try await relay.stop()

            relay = RunningRelay(world, rig.cluster)
            #expect(try await rig.submit(.unpark, key: "big") == "3 rows published")
            try await world.change("big")
            let findings = try await rig.arrivals()
            try await relay.stop()
            #expect(findings.isClean && rig.topic.differences == 0, "\(findings)")
            #expect(try await ticks.parkedCount() == 0)
        }
    }

    /// A broker refuses a batch as a whole: those in it that are innocent must not be parked.
    @Test func aRefusedBatchIsTriedInSmallerGroups() async throws {
        try await RelayRig.with { rig in
            for number in 0..<300 { try await rig.world.change("k\(number % 7)") }
            rig.cluster.fail(.produce, with: [RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE])
            let relay = RunningRelay(rig.world, rig.cluster)
            let findings = try await rig.arrivals()
            try await relay.stop()
            #expect(findings.isClean, "\(findings)")
            #expect(try await TickStore(rig.world.pool).parkedCount() == 0)
            #expect(relay.producerCount == 2 && relay.figures.snapshot.failureCount == 0)
        }
    }

    @Test func whoIsRefusedAloneIsParked() async throws {
        try await RelayRig.with { rig in
            let ticks = TickStore(rig.world.pool)
            for number in 0..<100 { try await rig.world.change("k\(number % 7)") }
            // Groups of 2000, 250, 31, 3, 1, 1 …: at least one row is refused alone.
            rig.cluster.fail(.produce, with: Array(repeating: RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE, count: 7))
            let relay = RunningRelay(rig.world, rig.cluster)
            try await eventually("somebody is parked") { try await ticks.parkedCount() > 0 }
            let committed = try await rig.world.committed()
            try await eventually("the others arrive") {
                let parked = try await ticks.parkedCount()
                return rig.topic.log.findings(committed).lost == parked
            }
            let before = rig.topic.log.findings(committed)
            #expect(before.inversions == 0, "\(before)")
            #expect(try await rig.submit(.unpark).hasSuffix("rows published"))
            let findings = try await rig.arrivals()
            try await relay.stop()
            #expect(findings.isClean, "\(findings)")
            #expect(try await ticks.parkedCount() == 0)
        }
    }
}
