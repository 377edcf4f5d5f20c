import Foundation
import ObjectStore
import PostgresClient
import Testing

@testable import UploadService

/// Five multipart uploads that nobody will ever complete, in a store that lists none but those of a key it is asked for by name,
/// as MinIO does.
@Suite("I42 multipart uploads the store does not list")
struct OpeningsTests {
    private static let noStrays = #""method":"GET","query":"prefix","action":"noUploads","count":2"#

    @Test func theLedgerFindsThem() async throws {
        try await CheckWorld.run { world in
            let (bucket, pool) = (world.service.bucket, world.pool)
            // For the two sessions below that look for strays when they end.
            try await bucket.strike(Self.noStrays)
            let planted = try await plant(world)
            #expect(planted.count == 5)
            try await leaveAlone(world)
            _ = try await pool.execute("UPDATE multipart_openings SET opened_at = now() - interval '1 hour'")
            let listing = #""method":"GET","query":"uploads","withoutQuery":"prefix","action":"noUploads""#
            try await bucket.strike(listing)

            let (report, findings) = try await world.check()
            #expect(Set(findings.map { "\($0.kind.rawValue) \($0.subject)" }) == leaks(planted))
            #expect(report.checked["multipart_uploads"] == 0)
            #expect(report.skipped["multipart_openings"] == nil)
            #expect(findings.allSatisfy { $0.multipartID == $0.subject && $0.uploadID != nil })
            #expect(try await unsettled(pool) == 5 + 3)

            for finding in findings {
                let key = try #require(finding.objectKey)
                try await world.service.store.abortMultipartUpload(key, uploadID: finding.subject)
            }
            #expect(try await world.check().findings.isEmpty)
            // What is gone is not asked for again; what is in use, or being removed, was never asked for.
            #expect(try await unsettled(pool) == 3)
            #expect(try await world.check().report.checked["multipart_openings"] == 0)
        }
    }

    /// In another bucket everything is gone; here nothing is taken off the ledger for that.
    @Test func anotherBucketSettlesNothing() async throws {
        try await CheckWorld.run { world in
            try await world.service.bucket.strike(Self.noStrays)
            let planted = try await plant(world)
            _ = try await world.pool.execute(
                "UPDATE multipart_openings SET opened_at = now() - interval '1 hour'"
            )
            let before = try await unsettled(world.pool)
            try await TestBucket.with { _, other in
                let part = OpeningsPart(tools: world.tools(store: other))
                await #expect(throws: CheckFailure.self) {
                    try await part.run(from: PartProgress()) { _, _ in }
                }
            }
            // Those that were completed are known to be gone without asking.
            #expect(try await unsettled(world.pool) > 0)
            #expect(try await unsettled(world.pool) <= before)
            #expect(try await world.check().findings.map(\.subject).sorted() == planted.sorted())
        }
    }

    private func leaks(_ ids: [String]) -> Set<String> { Set(ids.map { "leaked_multipart \($0)" }) }

    private func unsettled(_ pool: PostgresPool) async throws -> Int {
        let rows = try await pool.query(
            "SELECT count(*) FROM multipart_openings WHERE settled_at IS NULL"
        )
        return try #require(rows.first).int(0)
    }

    // MARK: - What leaks

    /// - Returns: the ids of the multipart uploads.
    private func plant(_ world: CheckWorld) async throws -> [String] {
        [
            try await loser(world), try await lostAnswer(world), try await reaped(world, expired: false),
            try await reaped(world, expired: true), try await forgotten(world),
        ]
    }

    /// Of two requests that opened one the slower died before it could abort its own.
    private func loser(_ world: CheckWorld) async throws -> String {
        let client = try await begun("loser", world)
        let (upload, key) = try await row(client, world)
        let opening = try #require(try await UploadStore.noteOpening(of: upload, on: world.pool))
        let id = try await world.service.store.createMultipartUpload(key, contentType: nil, metadata: [:])
        let kept = try await UploadStore.keepMultipartID(id, of: upload, opening: opening, on: world.pool)
        #expect(kept == nil)
        return id
    }

    /// The answer that told the id got lost, and the store did not show it when the session ended.
    private func lostAnswer(_ world: CheckWorld) async throws -> String {
        let strike = #""method":"POST","query":"uploads","action":"dropAfter","count":1"#
        try await world.service.bucket.strike(strike)
        let client = try await begun("lost", world)
        let (_, key) = try await row(client, world)
        let page = try await world.service.store.listMultipartUploads(prefix: "", after: nil, limit: 1_000)
        let used = try await multipartID(client, world)
        let ids = page.uploads.filter { $0.key == key }.map(\.uploadID)
        #expect(ids.count == 2)
        #expect(try await client.complete().status == 200)
        return try #require(ids.first { $0 != used })
    }

    /// Its removal was reported, and a part came all the same.
    private func reaped(_ world: CheckWorld, expired: Bool) async throws -> String {
        let client = try await begun("reaped \(expired)", world)
        let id = try await multipartID(client, world)
        if !expired { #expect(try await client.abort().status == 200) }
        let state = expired ? "EXPIRED" : "ABORTED"
        _ = try await world.pool.execute(
            "UPDATE uploads SET state = $2, failure_reason = 'test' WHERE id = $1::uuid",
            client.id,
            state
        )
        _ = try await world.pool.execute(
            "UPDATE uploads SET state = 'REAPED' WHERE id = $1::uuid",
            client.id
        )
        return id
    }

    /// The store said for a while that it did not know it.
    private func forgotten(_ world: CheckWorld) async throws -> String {
        let client = try await begun("forgotten", world)
        let (upload, id) = (try await row(client, world).id, try await multipartID(client, world))
        try await world.pool.withTransaction {
            (tx: borrowing Transaction) async throws(DatabaseError) -> Void in
            let isDropped = try await UploadStore.dropMultipartID(id, of: upload, in: tx)
            #expect(isDropped)
            try await PartStore.remove(upload, in: tx)
        }
        #expect(try await client.put(1, [1, 2, 3]).status == 200)
        #expect(try await client.complete().status == 200)
        return id
    }

    /// One that is being fed, one that is about to be removed, one that became a file.
    private func leaveAlone(_ world: CheckWorld) async throws {
        _ = try await begun("fed", world)
        #expect(try await begun("given up", world).abort().status == 200)
        #expect(try await begun("done", world).complete().status == 200)
    }

    private func begun(_ name: String, _ world: CheckWorld) async throws -> SessionClient {
        let client = try await SessionClient.open(name, 3, on: world.service).0
        #expect(try await client.put(1, [1, 2, 3]).status == 200)
        return client
    }

    private func row(_ client: SessionClient, _ world: CheckWorld) async throws -> (id: UUID, key: String) {
        let rows = try await world.pool.query(
            "SELECT id, object_key FROM uploads WHERE id = $1::uuid",
            client.id
        )
        let row = try #require(rows.first)
        return (try row.uuid(0), try row.text(1))
    }

    private func multipartID(_ client: SessionClient, _ world: CheckWorld) async throws -> String {
        let rows = try await world.pool.query(
            "SELECT s3_upload_id FROM uploads WHERE id = $1::uuid",
            client.id
        )
        return try #require(rows.first).text(0)
    }
}
