import AsyncHTTPClient
import Determinism
import Digests
import Foundation
import NIOCore
import NIOHTTP1
import ObjectStore
import PostgresClient
import ServiceBootstrap
import ServiceParts
import Synchronization
import Testing

@testable import UploadService

/// Uploads that take their time, whose parts and objects are there long before a row says so, under a cleanup that never rests and
/// takes everything it lists for a leftover that was seen for ever. By hand: `WAYBILL_TEST_SLOW_UPLOADS=200
/// WAYBILL_TEST_SLOW_SECONDS=600`.
@Suite("I6 no cleanup, however eager, touches an upload under way", .timeLimit(.minutes(20)))
struct SlowUploadTests {
    private static func setting(_ name: String, default fallback: Int) -> Int {
        ProcessInfo.processInfo.environment[name].flatMap(Int.init) ?? fallback
    }
    private static let count = setting("WAYBILL_TEST_SLOW_UPLOADS", default: 12)
    private static let seconds = setting("WAYBILL_TEST_SLOW_SECONDS", default: 4)

    /// What became of the uploads.
    private struct Harm: Equatable {
        /// Acknowledged, and their object is gone.
        var lost = 0
        /// Not acknowledged: what they had sent was taken from them.
        var refused = 0
    }

    @Test func noneIsDamaged() async throws {
        let rounds = Mutex(0)
        let harm = try await harm { service, rig in
            let check = try await service.plantCheck(objects: 1_000_000)
            for object in try await Self.objects(service.store) {
                try? await service.plantSightings(of: object)
                try await service.plantFinding(.orphanObject, of: object, in: check)
            }
            for upload in try await Self.multiparts(service.store) {
                try await service.plantLeak(upload, in: check)
            }
            let plan = try await service.plan(check)
            _ = try await service.repairs.run(plan.id, by: "ops/root", confirm: plan.hash.hex)
            try await rig.apply(try await service.orders())
            try await rig.driveDue()
            rounds.withLock { $0 += 1 }
        }
        print("\(Self.count) uploads over \(Self.seconds) s, \(rounds.withLock { $0 }) cleanups: \(harm)")
        #expect(harm == Harm())
        #expect(rounds.withLock { $0 } > 0)
    }

    /// What the test above would find: the bucket minus the files of the table.
    @Test func theNaiveCleanupDamages() async throws {
        let harm = try await harm { service, _ in
            for object in try await Self.objects(service.store) {
                let rows = try await service.pool.query(Self.file, object.key)
                if rows.isEmpty { try await service.store.delete(object.key) }
            }
            for upload in try await Self.multiparts(service.store) {
                let rows = try await service.pool.query(Self.file, upload.key)
                guard rows.isEmpty else { continue }
                try? await service.store.abortMultipartUpload(upload.key, uploadID: upload.uploadID)
            }
        }
        print("\(Self.count) uploads over \(Self.seconds) s, the naive cleanup: \(harm)")
        #expect(harm.lost > 0)
        #expect(harm.refused > 0)
    }

    private func harm(
        _ clean: @escaping @Sendable (ServiceUnderTest, TrashRig) async throws -> Void
    ) async throws -> Harm {
        let result = Mutex(Harm())
        try await ServiceUnderTest.withRepairs({ options in
            // Three quarters are one tenant's.
            options.transfers.transferCount = 2 * Self.count
            options.transfers.partMemory = 16 << 30
        }) { service in
            try await TrashRig.with(service.store) { rig in
                try await service.bucket.strike(
                    #""method":"PUT","keyPrefix":"acme/","action":"delayAnswer","milliseconds":400"#
                )
                var harm = Harm()
                try await withThrowingTaskGroup(of: Void.self) { group in
                    group.addTask {
                        while !Task.isCancelled {
                            do { try await clean(service, rig) } catch {
                                if Task.isCancelled { return }
                                throw error
                            }
                        }
                    }
                    harm.refused = try await Self.uploadAll(to: service)
                    group.cancelAll()
                    try await group.waitForAll()
                }
                for row in try await service.pool.query(Self.available)
                where try await service.store.head(try row.text(0)) == nil { harm.lost += 1 }
                result.withLock { [harm] in $0 = harm }
            }
        }
        return result.withLock { $0 }
    }

    /// - Returns: how many were not acknowledged.
    private static func uploadAll(to service: ServiceUnderTest) async throws -> Int {
        // The shared client would let eight go at a time.
        var configuration = HTTPClient.Configuration()
        configuration.connectionPool.concurrentHTTP1ConnectionsPerHostSoftLimit = count
        let client = HTTPClient(configuration: configuration)
        let refused = try await withThrowingTaskGroup(of: String?.self) { uploads in
            for number in 0..<count {
                uploads.addTask {
                    try await service.uploadSlowly(number, over: .seconds(seconds), with: client)
                }
            }
            var refused: [String: Int] = [:]
            for try await refusal in uploads { if let refusal { refused[refusal, default: 0] += 1 } }
            if !refused.isEmpty { print("refused:", refused) }
            return refused.values.reduce(0, +)
        }
        try await client.shutdown()
        return refused
    }

    private static func objects(_ store: S3Store) async throws -> [OrphanSample] {
        try await store.list(prefix: "acme/", startAfter: nil, continuationToken: nil, limit: 1_000).objects
            .map { OrphanSample(key: $0.key, size: $0.size, etag: $0.etag) }
    }

    private static func multiparts(_ store: S3Store) async throws -> [UploadsPage.Upload] {
        try await store.listMultipartUploads(prefix: "acme/", after: nil, limit: 1_000).uploads
    }

    private static let file: Statement = "SELECT 1 FROM files WHERE object_key = $1"
    private static let available: Statement = "SELECT object_key FROM files WHERE state = 'AVAILABLE'"
}

extension ServiceUnderTest {
    /// Sends a file in 64 pieces spread over a time: every other one announces its length and becomes a single PUT, the others
    /// go in parts.
    ///
    /// - Returns: what it was refused with; nil when it was acknowledged.
    fileprivate func uploadSlowly(_ number: Int, over duration: Duration, with client: HTTPClient)
        async throws -> String?
    {
        let (pieces, isLong) = (64, number % 2 == 1)
        let piece = ByteBuffer(
            repeating: UInt8(truncatingIfNeeded: number),
            count: isLong ? 300_000 : 1_024
        )
        var request = HTTPClientRequest(url: "http://127.0.0.1:\(port)\(Self.files)?name=slow-\(number)")
        request.method = .POST
        request.headers.add(name: "authorization", value: "Bearer \(Self.ann)")
        request.body = .stream(
            SlowBody(piece: piece, count: pieces, pause: duration / pieces),
            length: isLong ? .unknown : .known(Int64(pieces * piece.readableBytes))
        )
        do {
            let response = try await client.execute(
                request,
                timeout: .seconds(120 + duration.components.seconds)
            )
            let body = try await response.body.collect(upTo: 1 << 20)
            return response.status == .created ? nil : String(buffer: body)
        } catch let error as HTTPClientError where error == .remoteConnectionClosed { return "\(error)" }
    }
}

/// Pieces that come one by one; the first parts of a file lie in the store long before its last piece is sent.
private struct SlowBody: AsyncSequence, Sendable {
    let piece: ByteBuffer
    let count: Int
    let pause: Duration

    func makeAsyncIterator() -> Iterator { Iterator(body: self) }

    struct Iterator: AsyncIteratorProtocol {
        let body: SlowBody
        var sent = 0

        mutating func next() async throws -> ByteBuffer? {
            guard sent < body.count else { return nil }
            sent += 1
            try await SystemTime().sleep(for: body.pause)
            return body.piece
        }
    }
}
