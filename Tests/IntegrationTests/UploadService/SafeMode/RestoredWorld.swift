import AccessTokens
import Determinism
import EventContracts
import Foundation
import Logging
import NIOHTTP1
import ObjectStore
import PostgresClient
import ServiceBootstrap
import ServiceParts
import Synchronization
import TestSupport
import Testing

@testable import UploadService

extension ServiceUnderTest {
    /// Tables and tokens.
    static func prepare(_ pool: PostgresPool) async throws {
        try await Migrator.migrate(Schema.migrations, on: pool)
        let callers: [(String, String, String, Set<Role>)] = [
            (ann, "acme", "ann", [.user]), (bob, "acme", "bob", [.user]), (zoe, "zeta", "zoe", [.user]),
            (root, "ops", "root", [.user, .superuser]),
        ]
        for (token, tenant, name, roles) in callers {
            try await TokenStore(pool).insert(
                token,
                for: Caller(tenant: tenant, principal: name, roles: roles)
            )
        }
    }
}

/// One bucket, one topic, and databases that come and go: what they told before they were lost stays told.
struct RestoredWorld: Sendable {
    let bucket: TestBucket
    let store: S3Store

    static func with(_ body: (RestoredWorld) async throws -> Void) async throws {
        try await TestBucket.with { bucket, store in
            try await body(RestoredWorld(bucket: bucket, store: store))
        }
    }

    /// Runs the upload service on `cluster`, whose tables may be there already.
    ///
    /// - Returns: what `body` did, and what the outbox held in the end, oldest first.
    func serve<Value: Sendable>(
        _ cluster: ThrowawayCluster,
        isNew: Bool = false,
        _ body: @Sendable (ServiceUnderTest) async throws -> Value
    ) async throws -> (value: Value, told: [FileEvent]) {
        var options = ServiceOptions()
        options.limits.expiryInterval = .milliseconds(50)
        let pool = TestDatabase.makePool(cluster.settings)
        let answer = Mutex<Value?>(nil)
        do {
            if isNew { try await prepare(pool) }
            try await ServiceUnderTest.serve(options, pool, bucket, store) { service in
                let value = try await body(service)
                answer.withLock { $0 = value }
            }
            let told = try await IndexerWorld.answers(on: pool)
            await pool.close()
            return (try #require(answer.withLock { $0 }), told)
        } catch {
            await pool.close()
            throw error
        }
    }

    private func prepare(_ pool: PostgresPool) async throws {
        try await ServiceUnderTest.prepare(pool)
        let identity = BucketIdentity(store: store, pool: pool)
        try await identity.claim(time: SystemTime(), random: SystemRandom())
    }

    /// A second server beside `cluster`.
    func withTwoClusters(
        _ body: @Sendable (_ old: ThrowawayCluster, _ new: ThrowawayCluster) async throws -> Void
    ) async throws {
        try await ThrowawayCluster.with { old in
            try await ThrowawayCluster.with { new in try await body(old, new) }
        }
    }

    /// - Parameter service: whose marks of how far the database has come are looked at.
    func watch(
        _ pool: PostgresPool,
        service: String = "upload",
        time: any TimeSource = SystemTime()
    ) -> IncarnationWatch {
        IncarnationWatch(
            pool: pool,
            marks: marks(pool),
            high: HighWaterMarks(
                store: store,
                bucket: BucketIdentity(store: store, pool: pool),
                service: service
            ),
            time: time,
            random: SystemRandom(),
            logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }
        )
    }

    func marks(_ pool: PostgresPool) -> EpochMarks {
        EpochMarks(store: store, bucket: BucketIdentity(store: store, pool: pool))
    }

    /// Keys of files, without the deployment's own.
    func keys() async throws -> Set<String> {
        let page = try await store.list(
            prefix: "acme/",
            startAfter: nil,
            continuationToken: nil,
            limit: 1_000
        )
        return Set(page.objects.map(\.key))
    }
}

extension ServiceUnderTest {
    func delete(_ id: String) async throws -> Int {
        try await send(.DELETE, "\(Self.files)/\(id)").status
    }

    func purge(_ id: String) async throws -> Int {
        try await send(.DELETE, "\(Self.files)/\(id)?purge=true").status
    }

    func restore(_ id: String) async throws -> Int {
        try await send(.POST, "\(Self.files)/\(id)/restore").status
    }

    func leaveSafeMode() async throws -> Bool {
        guard let stay = try await SafeMode.standing(on: pool).stay else { return false }
        return try await pool.withTransaction { (tx: borrowing Transaction) async throws -> Bool in
            try await SafeMode.leave(stay, by: "test", reason: "looked at", in: tx)
        }
    }

    /// What time does to everything that waits for it.
    func letTimePass() async throws {
        _ = try await pool.execute(
            "UPDATE uploads SET expires_at = clock_timestamp() - interval '1 s' WHERE state IN ('PENDING', 'ACTIVE')"
        )
        _ = try await pool.execute(
            "UPDATE files SET delete_after = clock_timestamp() - interval '1 s' WHERE state = 'DELETED'"
        )
        // Last: who is woken before the ages have changed goes to sleep until the old ones.
        _ = try await pool.execute("UPDATE sagas SET wake_at = '-infinity', lease_until = '-infinity'")
    }

    func state(of id: String) async throws -> String {
        try await pool.query("SELECT state FROM files WHERE id::text = $1", id).first?.text(0) ?? "none"
    }
}
