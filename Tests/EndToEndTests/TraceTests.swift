import TestSupport
import Testing

@Suite("One trace leads through both services", .timeLimit(.minutes(3)))
struct TraceTests {
    private static let first = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
    private static let second = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-00"

    /// Events, replies and replies to replies carry the trace of the request that caused them.
    @Test func fromARequestThroughEventsSagasAndReplies() async throws {
        try await TestStack.with { stack in
            let answer = try await stack.upload(
                "a.txt",
                Array("marigold".utf8),
                fields: ["traceparent": Self.first]
            )
            let id = try #require(answer.string("id"))
            try await stack.becomesQuiet()
            let path = "/api/v1/files/\(id)?purge=true"
            let gone = try await stack.send(
                "DELETE",
                .uploadService,
                path,
                fields: ["traceparent": Self.second]
            )
            #expect(gone.status / 100 == 2)
            let quiet = try await stack.becomesQuiet()
            let traces = Dictionary(quiet.allRecords.map { ($0.type, $0.headers["traceparent"]) }) {
                first,
                _ in first
            }
            #expect(
                traces == [
                    "file.stored": Self.first, "file.indexed": Self.first, "file.deleted": Self.second,
                    "file.purging": Self.second, "file.bytes_removed": Self.second,
                    "file.purged": Self.second,
                ]
            )
            let log = try stack.program(.uploadService).output
            for trace in [Self.first, Self.second] {
                let isLogged = log.contains("\"trace_id\":\"\(trace.split(separator: "-")[1])\"")
                #expect(isLogged)
            }
        }
    }

    @Test func aHeaderThatIsNoTraceIsNoError() async throws {
        try await TestStack.with { stack in
            let fields = ["traceparent": "00-nonsense"]
            #expect(try await stack.upload("a.txt", [1], fields: fields).status == 201)
            let quiet = try await stack.becomesQuiet()
            let traces = Set(quiet.allRecords.map { $0.headers["traceparent"] })
            #expect(traces.count == 1)
            let trace = try #require(traces.first ?? nil)
            #expect(trace.contains(/^00-[0-9a-f]{32}-[0-9a-f]{16}-00$/))
        }
    }
}
