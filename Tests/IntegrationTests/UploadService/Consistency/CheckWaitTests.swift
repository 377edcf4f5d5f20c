import AsyncHTTPClient
import Foundation
import NIOCore
import NIOHTTP1
import ObjectStore
import PostgresClient
import Testing

@testable import UploadService

@Suite("Consistency: who asks may wait, or watch", .timeLimit(.minutes(2)))
struct CheckWaitTests {
    private static let path = "/api/v1/uploads/consistency-check"

    private func checkCount(_ world: CheckWorld) async throws -> Int {
        try await world.pool.query("SELECT count(*) FROM consistency_checks").first?.int(0) ?? 0
    }

    /// Nothing is known yet: the question begins a check and is answered when it has ended.
    @Test func aQuestionBeginsACheckAndWaitsForItsEnd() async throws {
        try await CheckWorld.run({ $0.hasChecks = true }) { world in
            let files = try await world.store(3)
            try await world.service.store.delete(files[0].key, versionID: nil)
            let answer = try await world.service.send(
                .GET,
                "\(Self.path)?wait=40",
                as: ServiceUnderTest.root
            )
            #expect(answer.status == 200 && answer.json["state"].text == "COMPLETED", "\(answer.text)")
            #expect(answer.json["counts"]["missing_object"].number == 1)
            #expect(try await checkCount(world) == 1)
            // Asked again, what is known is told at once.
            let again = try await world.service.send(.GET, Self.path, as: ServiceUnderTest.root)
            #expect(again.status == 200 && again.id == answer.id)
            #expect(try await checkCount(world) == 1)
        }
    }

    /// While it runs, its progress is told; then its report, and the stream ends.
    @Test func progressIsWatchedUntilTheReport() async throws {
        try await CheckWorld.run { world in
            try await world.store(2)
            let begun = try await world.service.send(.POST, Self.path, as: ServiceUnderTest.root)
            let location = try #require(begun.fields.first(name: "location"))
            var request = HTTPClientRequest(
                url: "http://127.0.0.1:\(world.service.port)\(location)/events"
            )
            request.headers.add(name: "authorization", value: "Bearer \(ServiceUnderTest.root)")
            let response = try await HTTPClient.shared.execute(request, timeout: .seconds(60))
            #expect(response.headers.first(name: "content-type") == "text/event-stream")
            var text = ""
            var isDriven = false
            for try await bytes in response.body {
                text += String(buffer: bytes)
                guard !isDriven, text.hasSuffix("\n\n") else { continue }
                #expect(text.hasPrefix("event: progress\ndata: {") && !text.contains("event: report"))
                #expect(text.contains(begun.id) && text.contains("RUNNING"))
                try await world.drive(world.tools())
                isDriven = true
            }
            #expect(isDriven)
            let events = text.components(separatedBy: "\n\n").filter { !$0.isEmpty }
            let last = try #require(events.last)
            #expect(last.hasPrefix("event: report\ndata: {") && last.contains("COMPLETED"))
            #expect(events.dropLast().allSatisfy { $0.hasPrefix("event: progress\n") })
        }
    }
}
