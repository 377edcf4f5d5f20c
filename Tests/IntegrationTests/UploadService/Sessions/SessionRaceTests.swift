import Foundation
import NIOHTTP1
import PostgresClient
import TestSupport
import Testing

@testable import UploadService

@Suite("I32 of all who want to end a session exactly one wins", .timeLimit(.minutes(3)))
struct SessionRaceTests {
    private static let count = 200

    /// Runs `race` on sessions whose parts have come, eight at a time, and looks at every outcome.
    private static func race(
        _ change: @escaping @Sendable (inout ServiceOptions) -> Void = { _ in },
        _ race: @escaping @Sendable (SessionClient) async throws -> Void
    ) async throws {
        try await ServiceUnderTest.run {
            change(&$0)
        } _: { service in
            try await withThrowingTaskGroup(of: Void.self) { group in
                for lane in 0..<8 {
                    group.addTask {
                        for round in 0..<(count / 8) {
                            let (client, _) = try await SessionClient.open("\(lane)-\(round)", 3, on: service)
                            #expect(try await client.put(1, [1, 2, 3]).status == 200)
                            try await race(client)
                        }
                    }
                }
                try await group.waitForAll()
            }
            try await service.ledger.settle()
            try await service.ledger.expectBytes(in: service.store)
            try await service.ledger.expectGoodKeysAndEvents()
            let states = try await service.pool.query(
                "SELECT state, count(*) FROM uploads GROUP BY state ORDER BY 1"
            )
            print(
                "sessions |",
                try states.map { "\(try $0.text(0)) \(try $0.int(1))" }.joined(separator: ", ")
            )
        }
    }

    /// After some other requests, so that each of the two is first at times.
    private static func late<Value: Sendable>(
        _ client: SessionClient,
        _ body: @Sendable () async throws -> Value
    ) async throws -> Value {
        let pause = client.id.utf8.last.map { Int($0) % 5 } ?? 0
        for _ in 0..<pause { _ = try await client.service.send(.GET, SessionClient.path + "?limit=1") }
        return try await body()
    }

    /// Whoever lost asks again.
    private static func completed(_ client: SessionClient) async throws -> String {
        var answer = try await client.complete()
        while answer.code == "UPLOAD_COMPLETING" { answer = try await client.complete() }
        #expect(answer.status == 200, "\(answer.text)")
        return answer.text
    }

    @Test func twoCompletions() async throws {
        try await Self.race { client in
            async let one = Self.completed(client)
            async let other = Self.completed(client)
            let answers = try await (one, other)
            #expect(answers.0 == answers.1)
        }
    }

    @Test func completionAndAbort() async throws {
        try await Self.race { client in
            async let completion = client.complete()
            async let abort = Self.late(client) { try await client.abort() }
            let (completed, aborted) = (try await completion, try await abort)
            #expect(
                [completed.status, aborted.status].count { $0 == 200 } == 1,
                "\(completed.text) \(aborted.text)"
            )
            #expect(try await client.state() == (completed.status == 200 ? "COMPLETED" : "ABORTED"))
        }
    }

    @Test func completionAndExpiry() async throws {
        try await Self.race {
            $0.limits.expiryInterval = .milliseconds(5)
        } _: { client in
            async let expiry: Void = Self.late(client) {
                _ = try await client.service.pool.execute(
                    "UPDATE uploads SET expires_at = clock_timestamp() WHERE id = $1 AND state IN ('PENDING', 'ACTIVE')",
                    try #require(UUID(uuidString: client.id))
                )
            }
            let completed = try await client.complete()
            try await expiry
            let state = try await client.state()
            #expect((completed.status == 200) == (state == "COMPLETED"), "\(completed.text) \(state ?? "")")
        }
    }
}
