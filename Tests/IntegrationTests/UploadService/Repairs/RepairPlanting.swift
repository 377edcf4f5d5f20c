import AsyncHTTPClient
import Determinism
import EventContracts
import Foundation
import NIOCore
import ObjectStore
import PostgresClient
import ServiceBootstrap
import ServiceParts
import TestSupport
import Testing

@testable import UploadService

/// What a check has found, planted without one.
extension ServiceUnderTest {
    /// A service whose bucket is its own; objects need not have been seen for long.
    static func withRepairs(
        _ change: @Sendable (inout ServiceOptions) throws -> Void = { _ in },
        _ body: (ServiceUnderTest) async throws -> Void
    ) async throws {
        try await run({ options in
            options.limits.quarantineAge = .zero
            try change(&options)
        }) { service in
            let identity = BucketIdentity(store: service.store, pool: service.pool)
            try await identity.claim(time: SystemTime(), random: SystemRandom())
            try await body(service)
        }
    }

    static func newKey(tenant: String = "acme") -> String {
        "\(tenant)/2026/11/\(UUID.version7(at: SystemTime().now, from: SystemRandom()).text).1"
    }

    /// An object nobody has a row for.
    @discardableResult
    func plantObject(_ text: String = "left over", key: String = newKey()) async throws -> OrphanSample {
        let stored = try await store.put(key, body: .bytes(ByteBuffer(string: text)))
        return OrphanSample(key: key, size: Int64(text.utf8.count), etag: stored.etag)
    }

    /// As if so many checks had seen it, over so many seconds.
    func plantSightings(of object: OrphanSample, count: Int = 2, seconds: Int = 90_000) async throws {
        _ = try await pool.execute(
            PlantedFindings.sighting,
            object.key,
            object.etag,
            object.size,
            Int64(seconds),
            Int64(count)
        )
    }

    func plantCheck(isComplete: Bool = true, objects: Int = 1_000) async throws -> UUID {
        let id = UUID.version7(at: SystemTime().now, from: SystemRandom())
        _ = try await pool.execute(
            PlantedFindings.check,
            id,
            isComplete,
            #"{"checked":{"objects":\#(objects)}}"#
        )
        return id
    }

    func plantFinding(_ kind: RepairKind, of object: OrphanSample, in check: UUID) async throws {
        _ = try await pool.execute(
            PlantedFindings.object,
            check,
            kind.rawValue,
            object.key,
            object.size,
            object.etag
        )
    }

    /// A multipart upload under way, as if no row knew of it.
    func plantLeak(_ upload: UploadsPage.Upload, in check: UUID) async throws {
        _ = try await pool.execute(PlantedFindings.leak, check, upload.uploadID, upload.key)
    }

    func plantFileFinding(_ kind: RepairKind, of file: String, in check: UUID) async throws {
        _ = try await pool.execute(
            PlantedFindings.file,
            check,
            kind.rawValue,
            UUID(uuidString: file) ?? UUID()
        )
    }

    /// A check with one orphan that may go.
    func plantRipeOrphan(_ text: String = "left over") async throws -> (UUID, OrphanSample) {
        let object = try await plantObject(text)
        try await plantSightings(of: object)
        let check = try await plantCheck()
        try await plantFinding(.orphanObject, of: object, in: check)
        return (check, object)
    }

    var repairs: Repairs { wiring.repairs }

    func plan(_ check: UUID, _ scope: RepairScope = .full) async throws -> RepairPlan {
        try await repairs.plan(check: check, scope: scope, by: "ops/root", reason: "a test")
    }

    func items(of plan: UUID) async throws -> [StoredRepairItem] {
        try await RepairItemStore.page(of: plan, after: 0, limit: 1_000, on: pool)
    }

    func outboxTypes() async throws -> [String] { try await pool.query(Self.types).map { try $0.text(0) } }

    /// Every event appended so far whose type begins with `prefix`, oldest first.
    func orders(_ prefixes: [String] = ["object.", "multipart."]) async throws -> [FileEvent] {
        try await pool.query(Self.events).compactMap { row in
            let pairs = try row.textArray(1)
            let headers = stride(from: 0, to: pairs.count, by: 2).map {
                (pairs[$0], Array(pairs[$0 + 1].utf8))
            }
            let decoded = DecodedEvent(
                key: Array(try row.text(0).utf8),
                headers: headers,
                payload: try row.bytes(2)
            )
            guard case .event(let event) = decoded else { return nil }
            return prefixes.contains { event.type.rawValue.hasPrefix($0) } ? event : nil
        }
    }

    /// Takes in the cleanup consumer's answers as the consumer loop does.
    func take(_ answers: [FileEvent]) async throws {
        let handler = wiring.replies
        try await pool.withTransaction { (tx: borrowing Transaction) async throws -> Void in
            try await handler.apply(answers, in: tx)
        }
    }

    /// Everything but the tables of repairs, as text.
    func snapshot() async throws -> [String] {
        var lines = try await pool.query(Self.snapshot).map { try $0.text(0) }
        var token: String?
        repeat {
            let page = try await store.list(
                prefix: "",
                startAfter: nil,
                continuationToken: token,
                limit: 1_000
            )
            lines += page.objects.map { "\($0.key) \($0.size) \($0.etag)" }
            token = page.nextToken
        } while token != nil
        return lines
    }

    private static let types: Statement = """
        SELECT headers[array_position(headers, 'ce_type') + 1] FROM outbox ORDER BY id
        """
    private static let events: Statement = "SELECT key, headers, payload FROM outbox ORDER BY id"
    private static let snapshot: Statement = """
        SELECT 'u' || u::text FROM uploads u UNION ALL SELECT 'f' || f::text FROM files f
        UNION ALL SELECT 'o' || event_id FROM outbox UNION ALL SELECT 'c' || c::text FROM consistency_checks c
        UNION ALL SELECT 'g' || g::text FROM consistency_findings g UNION ALL SELECT 's' || s::text FROM orphan_sightings s
        UNION ALL SELECT 'a' || sagas.id FROM sagas UNION ALL SELECT 'l' || leases.name FROM leases ORDER BY 1
        """
}

/// An object without a row.
struct OrphanSample: Equatable, Sendable {
    let key: String
    let size: Int64
    let etag: String
}
