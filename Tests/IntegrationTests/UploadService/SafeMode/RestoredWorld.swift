import AccessTokens
import EventContracts
import Foundation
import Logging
import NIOHTTP1
import ObjectStore
import PostgresClient
import ServiceBootstrap
import ServiceParts
import TestSupport

@testable import UploadService

extension ServiceUnderTest {
    /// Tables and tokens.
    static func prepare(_ pool: PostgresPool) async throws {
        try await Migrator.migrate(Schema.migrations, on: pool)
        for (token, tenant, name) in [(ann, "acme", "ann"), (bob, "acme", "bob"), (zoe, "zeta", "zoe")] {
            try await TokenStore(pool).insert(
                token,
                for: Caller(tenant: tenant, principal: name, roles: [.user])
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
    /// - Returns: what its outbox held in the end, oldest first.
    func serve(
        _ cluster: ThrowawayCluster,
        isNew: Bool = false,
        _ change: (inout ServiceOptions) -> Void = { _ in },
        _ body: (ServiceUnderTest) async throws -> Void
    ) async throws -> [FileEvent] {
        var options = ServiceOptions()
        options.limits.expiryInterval = .milliseconds(50)
        change(&options)
        let pool = TestDatabase.makePool(cluster.settings)
        do {
            if isNew {
                try await ServiceUnderTest.prepare(pool)
                try await BucketIdentity(store: store, pool: pool).claim(
                    time: SystemTime(),
                    random: SystemRandom()
                )
            }
            try await ServiceUnderTest.serve(options, pool, bucket, store, body)
            let events = try await IndexerWorld.answers(on: pool)
            await pool.close()
            return events
        } catch {
            await pool.close()
            throw error
        }
    }

    func watch(_ pool: PostgresPool) -> IncarnationWatch {
        let bucket = BucketIdentity(store: store, pool: pool)
        return IncarnationWatch(
            pool: pool,
            marks: EpochMarks(store: store, bucket: bucket),
            time: SystemTime(),
            random: SystemRandom(),
            logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }
        )
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
        _ = try await pool.execute("UPDATE sagas SET wake_at = '-infinity', lease_until = '-infinity'")
        _ = try await pool.execute(
            "UPDATE uploads SET expires_at = '-infinity' WHERE state IN ('PENDING', 'ACTIVE')"
        )
        _ = try await pool.execute(
            "UPDATE files SET delete_after = clock_timestamp() - interval '1 s' WHERE state = 'DELETED'"
        )
    }

    func state(of id: String) async throws -> String {
        try await pool.query("SELECT state FROM files WHERE id::text = $1", id).first?.text(0) ?? "none"
    }
}
