import AccessTokens
import AsyncHTTPClient
import AuditTrail
import NIOCore
import NIOHTTP1
import PostgresClient
import TestSupport
import Testing
import TransactionalOutbox

@testable import UploadService

@Suite("I16 what is told again is the same, byte for byte")
struct RepublishTests {
    private static let operatorToken = "wb_operator"
    private static let path = "/api/v1/republish"

    private func with(_ body: @escaping @Sendable (ServiceUnderTest, PassingRelay) async throws -> Void)
        async throws
    {
        try await ServiceUnderTest.run { service in
            try await TokenStore(service.pool).insert(
                Self.operatorToken,
                for: Caller(tenant: "acme", principal: "olga", roles: [.superuser])
            )
            try await body(service, PassingRelay(pool: service.pool))
        }
    }

    private func republish(
        _ service: ServiceUnderTest,
        _ json: String,
        as token: String = operatorToken
    ) async throws -> Answer {
        try await service.send(.POST, Self.path, as: token, body: .bytes(ByteBuffer(string: json)))
    }

    @Test func filesAndTenantsAndTimesAreChosen() async throws {
        try await with { service, relay in
            let a = try await service.upload("a").id
            try await service.upload("b")
            let zoes = try await service.upload("z", as: ServiceUnderTest.zoe).id
            let first = try await relay.pass()

            let one = try await republish(service, #"{"reason": "lost", "file_ids": ["\#(a)"]}"#)
            #expect(one.status == 200 && one.json["republished"].number == 1 && one.json["next"].text == nil)
            let again = try await relay.pass()
            let original = first.filter { $0.key == a }
            #expect(again.map(\.payload) == original.map(\.payload))
            #expect(again.allSatisfy { $0.bears("\(a).1") } && original.allSatisfy { $0.bears("\(a).1") })

            let tenant = try await republish(service, #"{"reason": "lost", "tenant": "zeta"}"#)
            #expect(tenant.json["republished"].number == 1)
            #expect(try await relay.pass().map(\.key) == [zoes])

            let all = try await republish(service, #"{"reason": "lost", "all": true}"#)
            #expect(all.json["republished"].number == 3)
            let later = try await republish(
                service,
                #"{"reason": "lost", "since": "2100-01-01T00:00:00Z"}"#
            )
            #expect(later.json["republished"].number == 0)
            let earlier = try await republish(
                service,
                #"{"reason": "lost", "until": "2100-01-01T00:00:00Z", "tenant": "acme"}"#
            )
            #expect(earlier.json["republished"].number == 2)
        }
    }

    @Test func eachRequestIsInTheAuditTrailFirst() async throws {
        try await with { service, _ in
            _ = try await republish(service, #"{"reason": "the topic was lost", "all": true}"#)
            let answer = try await service.send(.GET, "/api/v1/audit", as: Self.operatorToken)
            let record = answer.json["records"][0]
            #expect(record["actor"].text == "acme/olga" && record["action"].text == "events.republished")
            #expect(record["reason"].text == "the topic was lost")
            let lines = try await service.send(
                .GET,
                "/api/v1/audit?after=0&limit=1",
                as: Self.operatorToken,
                fields: [("accept", "application/x-ndjson")]
            )
            #expect(lines.fields.first(name: "content-type") == "application/x-ndjson")
            #expect(lines.text.split(separator: "\n").count == 1 && lines.text.hasPrefix("{"))
            let verdict = try await AuditTrail.verify(on: service.pool)
            #expect(verdict.isIntact && verdict.count == 1)
        }
    }

    @Test(arguments: [
        #"{}"#, #"{"reason": "r"}"#, #"{"reason": "", "all": true}"#,
        #"{"reason": "r", "all": true, "tenant": "acme"}"#,
        #"{"reason": "r", "file_ids": []}"#, #"{"reason": "r", "file_ids": ["x"]}"#,
        #"{"reason": "r", "since": "yesterday"}"#, #"{"reason": "r", "tennant": "acme"}"#,
        #"{"reason": "r", "all": true, "topic": "other.topic"}"#,
        #"{"reason": "r", "all": true, "topic": "waybill.index.v1"}"#,
        #"{"reason": "r", "all": true, "topic": "waybill.files.v1.dlq"}"#,
    ])
    func whatIsUnclearIsRefused(_ json: String) async throws {
        try await with { service, relay in
            try await service.upload("a")
            try await relay.pass()
            let answer = try await republish(service, json)
            #expect(answer.status == 400 && answer.code == "INVALID_BODY")
            #expect(try await relay.pass().isEmpty)
        }
    }

    @Test func onlyOperatorsMay() async throws {
        try await with { service, _ in
            let answer = try await republish(
                service,
                #"{"reason": "r", "all": true}"#,
                as: ServiceUnderTest.ann
            )
            #expect(answer.status == 403 && answer.code == "SUPERUSER_REQUIRED")
            let trail = try await service.send(.GET, "/api/v1/audit")
            #expect(trail.status == 403)
        }
    }

    /// A topic that does not exist would hold up the relay, and everything behind.
    @Test func aSideTopicMustExist() async throws {
        try await with { service, relay in
            try await service.upload("a")
            try await relay.pass()
            let json = #"{"reason": "r", "all": true, "topic": "waybill.rebuild.v1"}"#
            let answer = try await republish(service, json)
            #expect(answer.status == 422 && answer.code == "TOPIC_UNKNOWN")
            #expect(try await relay.pass().isEmpty)

            let side = try #require(SideTopic("waybill.rebuild.v1"))
            let republishing = Republishing(pool: service.pool) { [side.name] }
            let progress = try await republishing.run(RepublishSelection(), to: side, by: "t", reason: "t")
            #expect(progress == Republishing.Progress(count: 1, next: nil))
            let rows = try await relay.pass()
            #expect(rows.map(\.topic) == ["waybill.rebuild.v1"])
        }
    }

    /// What went to a side topic is not on the topic that everybody reads.
    @Test func aSideTopicDoesNotCountAsPublished() async throws {
        try await with { service, relay in
            let sweep = service.wiring.publication
            try await sweep.store.register()
            try await relay.pass()
            let side = try #require(SideTopic("waybill.rebuild.v1"))
            try await service.upload("a")
            try await service.pool.execute("TRUNCATE outbox")
            _ = try await Republishing(pool: service.pool) { [side.name] }
                .run(RepublishSelection(), to: side, by: "t", reason: "t")
            try await relay.pass()
            #expect(try await sweep.noteAll() == 0)
        }
    }

    @Test func manyFilesAreToldInParts() async throws {
        try await with { service, _ in
            for number in 0..<3 { try await service.upload("f\(number)") }
            var republishing = Republishing(pool: service.pool) { [] }
            republishing.pageLimit = 2
            let first = try await republishing.run(
                RepublishSelection(),
                to: .files,
                by: "t",
                reason: "t",
                countLimit: 2
            )
            #expect(first.count == 2 && first.next != nil)
            let rest = try await republishing.run(
                RepublishSelection(),
                to: .files,
                by: "t",
                reason: "t",
                after: first.next,
                countLimit: 2
            )
            #expect(rest == Republishing.Progress(count: 1, next: nil))
        }
    }
}
