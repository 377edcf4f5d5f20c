import AsyncHTTPClient
import Determinism
import EventContracts
import FaultPoints
import Foundation
import IdempotentInbox
import Logging
import NIOCore
import NIOHTTP1
import PostgresClient
import ServiceBootstrap
import ServiceParts
import Synchronization
import TestSupport
import TransactionalOutbox

@testable import IndexerService
@testable import ObjectStore
@testable import SagaEngine

/// The indexer's parts over a real database and a real store, both of this test alone; the log is the test.
final class IndexerWorld: Sendable {
    static let late = Duration.milliseconds(200)

    let pool: PostgresPool
    let store: S3Store
    let bucket: BucketIdentity
    let ownStore: TestProgram?
    let late: Duration
    let faults: any Faults
    let time = SystemTime()
    let random = SystemRandom()
    private let nextOffset = Mutex<Int64>(0)

    private init(
        _ pool: PostgresPool,
        _ store: S3Store,
        _ devStore: TestProgram?,
        _ late: Duration,
        _ faults: any Faults
    ) {
        self.pool = pool
        self.store = store
        bucket = BucketIdentity(store: store, pool: pool)
        ownStore = devStore
        self.late = late
        self.faults = faults
    }

    static func with<Value: Sendable>(
        late: Duration = IndexerWorld.late,
        faults: any Faults = NoFaults(),
        _ body: (IndexerWorld) async throws -> Value
    ) async throws -> Value {
        try await withStore { store, devStore in
            try await withDatabase { pool in
                let world = IndexerWorld(pool, store, devStore, late, faults)
                try await mark(store)
                try await world.bucket.confirm()
                return try await body(world)
            }
        }
    }

    /// Beside a bucket that another service uses too.
    static func beside(_ store: S3Store, _ body: (IndexerWorld) async throws -> Void) async throws {
        try await withDatabase { try await body(IndexerWorld($0, store, nil, late, NoFaults())) }
    }

    /// Only the store.
    static func withStore<Value: Sendable>(_ body: (S3Store, TestProgram) async throws -> Value) async throws
        -> Value
    {
        let folder = "\(NSTemporaryDirectory())/indexer-\(UUID().uuidString)"
        defer { try? FileManager.default.removeItem(atPath: folder) }
        let arguments = [
            "--data", folder, "--bucket", "test", "--access-key", "key", "--secret-key", "secret-key",
        ]
        return try await TestProgram.with("DevStore", arguments) { devStore in
            let store = try makeStore(devStore.address)
            do {
                let value = try await body(store, devStore)
                await store.shutdown()
                return value
            } catch {
                await store.shutdown()
                throw error
            }
        }
    }

    /// Marks the bucket as UploadService does; the indexer learns the id from it.
    static func mark(_ store: S3Store) async throws {
        let marker = BucketIdentity.prefix + "0190f000-0000-7000-8000-000000000040"
        _ = try await store.put(marker, body: .bytes(ByteBuffer()))
    }

    /// Only the tables.
    static func withDatabase<Value: Sendable>(_ body: (PostgresPool) async throws -> Value) async throws
        -> Value
    {
        try await TestDatabase.withSchema { pool in
            try await Migrator.migrate(IndexerSchema.migrations, on: pool)
            return try await body(pool)
        }
    }

    static func makeStore(_ endpoint: String) throws -> S3Store {
        var settings = S3Settings(
            endpoint: endpoint,
            bucket: "test",
            credentials: S3Credentials(accessKeyID: "key", secretAccessKey: "secret-key")
        )
        settings.retries.attemptLimit = 1
        return try S3Store(
            settings,
            time: SystemTime(),
            random: SystemRandom(),
            logger: Logger(label: "test")
        )
    }

    // MARK: The log

    /// Applies events as the consumer does, as one batch.
    @discardableResult
    func apply(_ events: FileEvent...) async throws -> BatchCounts { try await apply(events) }

    @discardableResult
    func apply(_ events: [FileEvent]) async throws -> BatchCounts {
        try await Self.apply(
            events,
            from: nextOffset.withLock { offset in
                defer { offset += Int64(events.count) }
                return offset
            },
            on: pool
        )
    }

    @discardableResult
    static func apply(_ events: [FileEvent], from offset: Int64, on pool: PostgresPool) async throws
        -> BatchCounts
    {
        let claim = try await InboxStore.claim(
            consumer: FileEventHandler.consumer,
            topic: Topic.files.name,
            partition: 0,
            on: pool
        ).claim
        var records: [InboundRecord] = []
        for (index, event) in events.enumerated() { records.append(try record(event, offset + Int64(index))) }
        return try await makeApplier(on: pool).apply(records, claim)
    }

    static func makeApplier(on pool: PostgresPool) -> BatchApplier<FileEventHandler> {
        BatchApplier(
            consumer: FileEventHandler.consumer,
            handler: FileEventHandler(time: SystemTime(), random: SystemRandom()),
            pool: pool
        )
    }

    static func record(_ event: FileEvent, _ offset: Int64) throws -> InboundRecord {
        let encoded = try event.encoded()
        return InboundRecord(
            topic: encoded.topic.name,
            partition: 0,
            offset: offset,
            key: Array(encoded.key.utf8),
            value: encoded.payload,
            headers: encoded.headers
        )
    }

    // MARK: The sagas

    var index: IndexSaga {
        IndexSaga(
            pool: pool,
            verifier: ObjectVerifier(store: store, bucket: bucket),
            doorbell: Doorbell(pool: pool, time: time),
            metrics: IndexerMetrics(MetricsRegistry()),
            faults: faults
        )
    }

    var removal: RemovalSaga {
        RemovalSaga(
            pool: pool,
            remover: ObjectRemover(store: store, bucket: bucket),
            caution: RemovalCaution(
                pool: pool,
                marks: EpochMarks(store: store, bucket: bucket),
                logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }
            ),
            doorbell: Doorbell(pool: pool, time: time),
            metrics: IndexerMetrics(MetricsRegistry()),
            faults: faults,
            late: late
        )
    }

    func claimDue(_ kind: String, limit: Int = 100) async throws -> [SagaClaim] {
        try await SagaStore.claimDue(
            kinds: [kind],
            owner: "test",
            leaseMilliseconds: 60_000,
            limit: limit,
            on: pool
        )
    }

    func drive(_ claim: SagaClaim) async throws -> SagaEnd {
        if claim.kind == IndexSaga.kind {
            return await SagaRunner(try index.steps(), pool: pool, random: random).drive(
                claim,
                try IndexSaga.Order(claim)
            )
        }
        return await SagaRunner(try removal.steps(), pool: pool, random: random).drive(
            claim,
            try RemovalSaga.Order(claim)
        )
    }

    /// One look for sagas that are due, as a worker does it.
    @discardableResult
    func driveDue() async throws -> [SagaEnd] {
        var ends: [SagaEnd] = []
        for kind in [IndexSaga.kind, RemovalSaga.kind] {
            for claim in try await claimDue(kind) { ends.append(try await drive(claim)) }
        }
        return ends
    }
}
