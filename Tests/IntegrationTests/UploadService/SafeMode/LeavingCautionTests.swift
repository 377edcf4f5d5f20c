import Foundation
import NIOCore
import ObjectStore
import PostgresClient
import ServiceParts
import TestSupport
import Testing

@testable import UploadService

/// Whoever asks to leave safe mode waits for the answer: however many uploads were under way, it comes.
@Suite("Leaving safe mode: uploads of before", .timeLimit(.minutes(2)))
struct LeavingCautionTests {
    private static let plant: Statement = """
        INSERT INTO uploads (id, file_id, tenant, owner, name, content_type, object_key, state, expires_at)
        SELECT gen_random_uuid(), gen_random_uuid(), 'acme', 'ann', 'n' || n, 'text/plain',
               'acme/2026/11/' || lpad(n::text, 4, '0') || '.1', 'PENDING', clock_timestamp() + interval '1 day'
          FROM generate_series(1, $1::bigint) n
        """
    private static let enter: Statement = """
        INSERT INTO safe_mode (was, "is", cause) VALUES ('a', 'b', 'c')
        """

    private func key(_ number: Int) -> String {
        "acme/2026/11/\(String(repeating: "0", count: 4 - "\(number)".count))\(number).1"
    }

    /// So many uploads are open; safe mode is on and surveyed.
    private func with(
        _ count: Int,
        _ body: (ServiceUnderTest, SafeMode.Stay) async throws -> Void
    ) async throws {
        try await ServiceUnderTest.withRepairs({ $0.hasWorker = false }) { service in
            _ = try await service.pool.execute(Self.plant, Int64(count))
            _ = try await service.pool.execute(Self.enter)
            let stay = try #require(try await SafeMode.standing(on: service.pool).stay)
            let complete = #"{"complete":true,"counts":{},"skipped":{},"losses":[]}"#
            #expect(try await SafeMode.keepSurvey(complete, of: stay, on: service.pool))
            try await body(service, try #require(try await SafeMode.standing(on: service.pool).stay))
        }
    }

    @Test func manyAreAskedForAtATime() async throws {
        guard !TestBucket.isForeign else { return }
        try await with(40) { service, stay in
            try await service.bucket.strike(
                #""method":"HEAD","keyPrefix":"acme/","action":"delay","milliseconds":10000"#
            )
            let caution = LeavingCaution(pool: service.pool, store: service.store)
            let asking = Task { try await caution.obstacle(stay) }
            try await eventually("sixteen are asked for") { try await service.bucket.strikes() == [16] }
            asking.cancel()
            _ = await asking.result
        }
    }

    @Test func aFewReasonsAreEnough() async throws {
        try await with(400) { service, stay in
            let caution = LeavingCaution(pool: service.pool, store: service.store)
            #expect(try await caution.obstacle(stay) == nil)
            _ = try await service.store.put(key(399), body: .bytes(ByteBuffer(string: "x")))
            let one = try #require(try await caution.obstacle(stay))
            #expect(one.hasPrefix("1 objects lie under") && one.contains(key(399)), "\(one)")
            for number in 5...16 {
                _ = try await service.store.put(key(number), body: .bytes(ByteBuffer(string: "x")))
            }
            let many = try #require(try await caution.obstacle(stay))
            #expect(many.hasPrefix("12 or more objects") && many.contains(key(5)), "\(many)")
            var narrow = caution
            narrow.uploadLimit = 1
            for number in 5...16 { try await service.store.delete(key(number)) }
            #expect(try await narrow.obstacle(stay)?.hasPrefix("More than 1 uploads of before") == true)
        }
    }
}
