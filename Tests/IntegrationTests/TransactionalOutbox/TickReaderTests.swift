import Determinism
import PostgresClient
import ServiceBootstrap
import TestSupport
import Testing
import TransactionalOutbox

@Suite(
    "I13 I14 I15 every committed event is read once it is visible, in order",
    .serialized,
    .timeLimit(.minutes(2))
)
struct TickReaderTests {
    private let writerCount = 8
    private let loadTime = Duration.seconds(3)

    /// Runs writers, a transaction that is held open all the time, one that appended early and commits late, and
    /// `reader`, which ends after all of them. On a slow machine the writers go on until `isEnough`, for a minute at most.
    private func underLoad(
        _ world: OutboxWorld,
        keyCount: Int = 40,
        appendsEarly: Bool = true,
        isEnough: @escaping @Sendable () -> Bool = { true },
        _ reader: @escaping @Sendable (Latch) async throws -> Void
    ) async throws {
        let isOver = Latch()
        let deadline = world.time.uptime + loadTime
        async let reading: Void = reader(isOver)
        try await withThrowingTaskGroup(of: Void.self) { group in
            for _ in 0..<writerCount {
                group.addTask {
                    try await world.write(keyCount: keyCount) {
                        world.time.uptime > (isEnough() ? deadline : deadline + .seconds(60))
                    }
                }
            }
            if appendsEarly {
                group.addTask { try await world.hold("late", until: deadline) }
            }
            group.addTask { try await world.holdWithoutAppending(until: deadline + .milliseconds(300)) }
            try await group.waitForAll()
        }
        isOver.set()
        try await reading
    }

    @Test func snapshotTicksLoseNothingAndKeepTheOrder() async throws {
        try await OutboxWorld.with { world in
            let log = FakeLog()
            try await underLoad(world) { isOver in
                try await TickReader(world: world, log: log, epoch: 1).run { isOver.isSet }
            }
            let findings = log.findings(try await world.committed())
            findings.report("snapshot ticks")
            #expect(findings.isClean && findings.repeats == 0 && findings.events > 50, "\(findings)")
            #expect(try await TickStore(world.pool).unpublishedAgeSeconds() == 0)
        }
    }

    @Test func aReaderThatDiesAtAnyStepRepeatsButLosesNothing() async throws {
        try await OutboxWorld.with { world in
            let log = FakeLog()
            let deaths = Counter()
            try await underLoad(world, isEnough: { deaths.count > 2 }) { isOver in
                var epoch: Int64 = 0
                while true {
                    // A restart under the same lease keeps the epoch; a takeover raises it.
                    epoch += Int64(world.random.uniform(below: 2)) + (epoch == 0 ? 1 : 0)
                    let rate: UInt64 = deaths.count < 300 ? 25 : 0
                    let reader = TickReader(world: world, log: log, epoch: epoch, deathRate: rate)
                    do { return try await reader.run { isOver.isSet } } catch is TickReader.Died {
                        deaths.add()
                    }
                }
            }
            let findings = log.findings(try await world.committed())
            findings.report("snapshot ticks, \(deaths.count) crashes")
            #expect(findings.isClean && findings.repeats > 0 && deaths.count > 2, "\(findings)")
        }
    }

    @Test func partitionsTurnUnderLoad() async throws {
        try await OutboxWorld.with { world in
            let log = FakeLog()
            let rotations = Counter()
            // A transaction that has appended keeps its partition from being emptied: here none stays open.
            try await underLoad(world, appendsEarly: false, isEnough: { rotations.count > 3 }) { isOver in
                let limits = TickStore.RotationLimits(rowCount: 50, ageSeconds: 1)
                let reader = TickReader(
                    world: world,
                    log: log,
                    epoch: 1,
                    rotation: limits,
                    rotations: rotations
                )
                try await reader.run { isOver.isSet }
            }
            let findings = log.findings(try await world.committed())
            findings.report("snapshot ticks, \(rotations.count) rotations")
            #expect(findings.isClean && findings.repeats == 0 && rotations.count > 3, "\(findings)")
        }
    }

    /// Each leader goes on, not knowing, until one of its own writes tells it.
    @Test("I33 a leader with an old epoch changes nothing") func leadersFollowEachOther() async throws {
        try await OutboxWorld.with { world in
            let log = FakeLog()
            let fenced = Counter()
            try await underLoad(world) { isOver in
                try await withThrowingTaskGroup(of: Void.self) { group in
                    for epoch in Int64(1)...20 {
                        group.addTask {
                            try await world.time.sleep(for: .milliseconds(150 * (epoch - 1)))
                            let reader = TickReader(world: world, log: log, epoch: epoch, produceLimit: 8_000)
                            do { try await reader.run { epoch == 20 && isOver.isSet } } catch {
                                guard case TickFailure.fenced = error else { throw error }
                                fenced.add()
                            }
                        }
                    }
                    try await group.waitForAll()
                }
            }
            let findings = log.findings(try await world.committed())
            findings.report("snapshot ticks, 20 leaders")
            #expect(findings.isClean && fenced.count == 19, "\(findings), \(fenced.count) fenced")
        }
    }

    // MARK: - What must not be done, shown to fail in the same world

    private static let behindCursor: Statement = """
        SELECT id, key, version FROM outbox WHERE id > $1 ORDER BY id LIMIT 50
        """
    private static let takeSome: Statement = """
        DELETE FROM outbox WHERE id IN (
            SELECT id FROM outbox ORDER BY id LIMIT 20 FOR UPDATE SKIP LOCKED)
        RETURNING id, key, version
        """

    @Test func aCursorOverIDsLosesEvents() async throws {
        try await OutboxWorld.with { world in
            let log = FakeLog()
            try await underLoad(world) { isOver in
                var last: Int64 = 0
                while true {
                    let mayEnd = isOver.isSet
                    let rows = try await world.pool.query(Self.behindCursor, last)
                    for row in rows {
                        log.append(key: try row.text(1), version: try row.int64(2))
                        last = try row.int64(0)
                    }
                    if rows.isEmpty, mayEnd { return }
                    if rows.isEmpty { try await world.time.sleep(for: .milliseconds(2)) }
                }
            }
            let findings = log.findings(try await world.committed())
            findings.report("WHERE id > last (unsafe)")
            #expect(findings.lost > 0)
        }
    }

    @Test func severalRelaysWithSkipLockedInvert() async throws {
        try await OutboxWorld.with { world in
            let log = FakeLog()
            let hasInverted = { @Sendable in log.findings([:]).inversions > 0 }
            try await underLoad(world, keyCount: 5, isEnough: hasInverted) { isOver in
                try await withThrowingTaskGroup(of: Void.self) { group in
                    for _ in 0..<4 {
                        group.addTask { try await skipLockedRelay(world, log) { isOver.isSet } }
                    }
                    try await group.waitForAll()
                }
            }
            let findings = log.findings(try await world.committed())
            findings.report("FOR UPDATE SKIP LOCKED, 4 relays (unsafe)")
            #expect(findings.lost == 0 && findings.inversions > 0)
        }
    }

    private func skipLockedRelay(
        _ world: OutboxWorld,
        _ log: FakeLog,
        until isOver: @Sendable () -> Bool
    ) async throws {
        while true {
            let mayEnd = isOver()
            let count = try await world.pool.withTransaction {
                (tx: borrowing Transaction) async throws -> Int in
                let rows = try await tx.query(Self.takeSome)
                let sorted = try rows.map { (try $0.int64(0), try $0.text(1), try $0.int64(2)) }.sorted {
                    $0.0 < $1.0
                }
                try await world.time.sleep(for: .microseconds(Int64(world.random.uniform(below: 5_000))))
                for (_, key, version) in sorted { log.append(key: key, version: version) }
                return sorted.count
            }
            if count == 0, mayEnd { return }
            if count == 0 { try await world.time.sleep(for: .milliseconds(2)) }
        }
    }
}
