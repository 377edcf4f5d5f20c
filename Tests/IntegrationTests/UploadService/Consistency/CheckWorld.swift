import Determinism
import Foundation
import Leases
import Logging
import NIOCore
import ObjectStore
import PostgresClient
import ServiceBootstrap
import ServiceParts
import Synchronization
import Testing

@testable import UploadService

/// A service with files, and checks of it that a test drives itself.
struct CheckWorld: Sendable {
    let service: ServiceUnderTest
    var settings = CheckSettings()

    private static let logger = Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }

    static func run(
        _ change: (inout ServiceOptions) throws -> Void = { _ in },
        _ body: (CheckWorld) async throws -> Void
    ) async throws {
        try await ServiceUnderTest.run({ options in
            options.checks.recheckPause = .milliseconds(50)
            options.checks.requestsPerSecond = 10_000
            options.checks.pollInterval = .milliseconds(20)
            try change(&options)
        }) { service in
            let identity = BucketIdentity(store: service.store, pool: service.pool)
            try await identity.claim(time: SystemTime(), random: SystemRandom())
            var world = CheckWorld(service: service)
            world.settings = service.wiring.surroundings.checks
            try await body(world)
        }
    }

    var pool: PostgresPool { service.pool }

    /// - Parameter list: instead of the store's own listing.
    func tools(
        list: ObjectListing.Lister? = nil,
        store: S3Store? = nil,
        indexer: IndexerClient? = nil
    ) -> CheckTools {
        let store = store ?? service.store
        return CheckTools(
            pool: pool,
            store: store,
            bucket: BucketIdentity(store: store, pool: pool),
            indexer: indexer,
            budget: RequestBudget(requestsPerSecond: settings.requestsPerSecond, time: SystemTime()),
            settings: settings,
            time: SystemTime(),
            random: SystemRandom(),
            list: list ?? store.lister
        )
    }

    /// Runs one check to its end.
    func check(
        _ request: CheckRequest = CheckRequest(requestedBy: "test", digests: .full),
        incarnation: String? = nil,
        list: ObjectListing.Lister? = nil,
        store: S3Store? = nil
    ) async throws -> (report: CheckReport, findings: [Finding]) {
        let id = try await begin(request, incarnation: incarnation)
        let report = try await drive(tools(list: list, store: store))
        return (report, try await findings(of: id))
    }

    func begin(_ request: CheckRequest, incarnation: String? = nil) async throws -> UUID {
        let now = try #require(try await ComparisonStore.incarnation(on: pool))
        let id = UUID()
        try await pool.withTransaction { (tx: borrowing Transaction) async throws(DatabaseError) -> Void in
            let begun = try await CheckStore.begin(id, request, incarnation: incarnation ?? now, in: tx)
            #expect(begun)
        }
        return id
    }

    /// Drives the check that is running, as a process that has just come up.
    @discardableResult
    func drive(_ tools: CheckTools) async throws -> CheckReport {
        let keeper = LeaseKeeper(
            ConsistencyChecks.leaseName,
            ttl: .seconds(60),
            pool: pool,
            time: SystemTime(),
            random: SystemRandom()
        )
        let lease = try #require(try await keeper.acquireOrRenew())
        let check = try #require(try await CheckStore.running(on: pool))
        let pool = self.pool
        let run = CheckRun(
            check: check,
            lease: lease,
            tools: tools,
            gaps: { after, age, limit throws(DatabaseError) in
                try await PublicationStore.gaps(after: after, olderThan: age, limit: limit, on: pool)
            },
            logger: Self.logger
        )
        let result = await Result { () async throws(CheckFailure) in try await run.run() }
        try await keeper.release()
        return try result.get()
    }

    /// A listing that ends, as its process does, behind so many pages.
    static func dying(
        after pageLimit: Int,
        _ list: @escaping ObjectListing.Lister
    ) -> ObjectListing.Lister {
        let pageCount = Mutex(0)
        return { after, token throws(StoreFailure) in
            let isAlive = pageCount.withLock { count in
                count += 1
                return count <= pageLimit
            }
            guard isAlive else { throw .cancelled }
            return try await list(after, token)
        }
    }

    func findings(of check: UUID) async throws -> [Finding] {
        try await FindingStore.page(of: check, kind: nil, after: 0, limit: 10_000, on: pool).map(\.finding)
    }

    /// Ids and keys of so many stored files, in the order of their keys.
    @discardableResult
    func store(_ count: Int, as prefix: String = "file") async throws -> [(id: String, key: String)] {
        for number in 0..<count {
            let name =
                prefix + String(UnicodeScalar(UInt8(97 + number / 26 % 26)))
                + String(UnicodeScalar(UInt8(97 + number % 26)))
            let answer = try await service.upload(name, Array("bytes of \(prefix) \(number)".utf8))
            #expect(answer.status == 201)
        }
        return try await keys()
    }

    func keys() async throws -> [(id: String, key: String)] {
        try await pool.query("SELECT id::text, object_key FROM files ORDER BY object_key").map {
            (try $0.text(0), try $0.text(1))
        }
    }

    func put(_ key: String, _ text: String) async throws {
        _ = try await service.store.put(key, body: .bytes(ByteBuffer(string: text)))
    }

    static func foreignKey() -> String {
        "acme/2026/11/" + UUID().uuidString.lowercased() + ".1"
    }
}
