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
    private static let endPlan: Statement = """
        INSERT INTO repair_plans (id, check_id, scope, reason, created_by, incarnation, state, item_count, harm_count,
                                  byte_count, checked_count, hash, finished_at)
        VALUES (gen_random_uuid(), $1, 'selection', 'a test', 'ops/root', 'i', 'DONE', 0, 0, 0, 0,
                sha256(''), clock_timestamp())
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

    /// A report that does not list all, or is of before an adoption, is not the last word.
    @Test func whatIsNotListedYetIsWaitedFor() async throws {
        try await with(1) { service, _ in
            let caution = LeavingCaution(pool: service.pool, store: service.store)
            func obstacle(_ full: Bool, _ begun: String) async throws -> String {
                let stay = try #require(try await SafeMode.standing(on: service.pool).stay)
                let report = #"{"begun_at":"\#(begun)","complete":true,"list_full":\#(full),"skipped":{}}"#
                #expect(try await SafeMode.keepSurvey(report, of: stay, on: service.pool))
                let kept = try #require(try await SafeMode.standing(on: service.pool).stay)
                return try await caution.obstacle(kept) ?? "none"
            }
            let (before, after) = ("2026-01-01T00:00:00Z", "2126-01-01T00:00:00Z")
            #expect(try await obstacle(true, before).hasPrefix("More was lost than the report lists"))
            #expect(try await obstacle(false, before) == "none")
            _ = try await service.pool.execute(Self.endPlan, RepairPlan.survey)
            #expect(try await obstacle(false, before).hasPrefix("Since the report was made a plan"))
            #expect(try await obstacle(false, after) == "none")
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
            // What was found is told, though not all was looked at.
            _ = try await service.store.put(key(2), body: .bytes(ByteBuffer(string: "x")))
            #expect(try await narrow.obstacle(stay)?.hasPrefix("1 or more objects lie under") == true)
        }
    }
}
