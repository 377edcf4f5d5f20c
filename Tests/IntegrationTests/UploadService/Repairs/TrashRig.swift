import Determinism
import EventContracts
import FaultPoints
import Foundation
import HTTPServing
import Logging
import ObjectStore
import PostgresClient
import SagaEngine
import ServiceBootstrap
import ServiceParts
import Synchronization
import TestSupport
import Testing
import TransactionalOutbox

@testable import IndexerService

/// The cleanup consumer over a database of its own and another's bucket; the log between the services is the test.
final class TrashRig: Sendable {
    let pool: PostgresPool
    let store: S3Store
    let bucket: BucketIdentity
    let faults: any Faults
    let copyLimit: Int64
    let late: Duration
    private let nextOffset = Mutex<Int64>(0)
    private let answered = Mutex<Int>(0)

    private init(
        _ pool: PostgresPool,
        _ store: S3Store,
        _ faults: any Faults,
        _ copyLimit: Int64,
        _ late: Duration
    ) {
        (self.pool, self.store, self.faults, self.copyLimit, self.late) = (
            pool, store, faults, copyLimit, late
        )
        bucket = BucketIdentity(store: store, pool: pool)
    }

    static func with(
        _ store: S3Store,
        faults: any Faults = NoFaults(),
        copyLimit: Int64 = 5 << 30,
        late: Duration = .milliseconds(300),
        _ body: (TrashRig) async throws -> Void
    ) async throws {
        try await IndexerWorld.withDatabase { pool in
            let rig = TrashRig(pool, store, faults, copyLimit, late)
            try await rig.bucket.confirm()
            try await body(rig)
        }
    }

    var saga: TrashSaga {
        TrashSaga(
            pool: pool,
            store: store,
            bucket: bucket,
            mover: ObjectMover(store: store, copyLimit: copyLimit),
            caution: RemovalCaution(
                pool: pool,
                marks: EpochMarks(store: store, bucket: bucket),
                logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }
            ),
            doorbell: Doorbell(pool: pool, time: SystemTime()),
            metrics: IndexerMetrics(MetricsRegistry()),
            faults: faults,
            late: late
        )
    }

    /// Reads orders as the consumer does.
    func apply(_ events: [FileEvent]) async throws {
        let first = nextOffset.withLock { offset in
            defer { offset += Int64(events.count) }
            return offset
        }
        try await IndexerWorld.apply(events, from: first, on: pool)
    }

    /// What the service answers when it is asked for its entry of a file; nil when it has none.
    func entry(of file: UUID) async throws -> [UInt8]? {
        guard let (entry, facts) = try await EntryStore(pool).find(file) else { return nil }
        return Array(EntryRoutes.document(entry, facts).utf8)
    }

    /// As an operator who breaks the index.
    func damage(_ statement: Statement, _ file: UUID) async throws {
        _ = try await pool.execute(statement, file)
    }

    /// Drives what is due, once.
    @discardableResult
    func driveDue() async throws -> [SagaEnd] {
        let claims = try await SagaStore.claimDue(
            kinds: [TrashSaga.kind],
            owner: "test",
            leaseMilliseconds: 60_000,
            limit: 200,
            on: pool
        )
        var ends: [SagaEnd] = []
        for claim in claims {
            let runner = SagaRunner(try saga.steps(), pool: pool, random: SystemRandom())
            ends.append(await runner.drive(claim, try TrashSaga.Order(claim)))
        }
        return ends
    }

    /// Drives until nothing is left, over deaths too.
    func settle() async throws {
        try await eventually(within: .seconds(20), "no saga left") {
            _ = try await self.pool.execute(Self.abandon)
            try await self.driveDue()
            return try await self.pool.query(Self.sagaCount).first?.int(0) == 0
        }
    }

    /// What was answered since the last time.
    func answers() async throws -> [FileEvent] {
        let all = try await IndexerWorld.answers(on: pool)
        let known = answered.withLock { count in
            defer { count = all.count }
            return count
        }
        return Array(all[known...])
    }

    func forgetAnswers() { answered.withLock { $0 = 0 } }

    /// Removes what has lain in the trash for so long.
    func empty(retention: Duration) async throws {
        let emptying = TrashEmptying(
            interval: .seconds(60),
            retention: retention,
            pool: pool,
            store: store,
            bucket: bucket,
            time: SystemTime(),
            random: SystemRandom(),
            logger: .init(label: "test")
        )
        try await emptying.emptyBatch()
    }

    private static let abandon: Statement =
        "UPDATE sagas SET lease_until = '-infinity', wake_at = clock_timestamp()"
    private static let sagaCount: Statement = "SELECT count(*) FROM sagas"
}
