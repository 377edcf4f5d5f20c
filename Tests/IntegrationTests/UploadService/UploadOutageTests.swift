import AsyncHTTPClient
import Determinism
import Foundation
import NIOCore
import NIOHTTP1
import PostgresClient
import TestSupport
import Testing

@testable import UploadService

@Suite("I2 what was answered with 2xx is there, whatever fails")
struct UploadOutageTests {
    /// Every way the store can fail a PUT, and what the client is told.
    @Test(
        arguments: [
            (#""method":"PUT","action":"dropBefore","count":1"#, [201, 503]),
            (#""method":"PUT","action":"dropAfter","count":1"#, [201, 503]),
            (#""method":"PUT","action":"answer","status":503,"code":"SlowDown","count":1"#, [503]),
            (#""method":"PUT","action":"answer","status":403,"code":"AccessDenied","count":1"#, [502]),
            (#""method":"PUT","action":"errorInside","code":"InternalError","count":1"#, [503]),
            (#""method":"PUT","action":"diskFull","count":1"#, [503, 507]),
        ]
    )
    func theStoreFails(_ rule: String, _ statuses: [Int]) async throws {
        try await ServiceUnderTest.run { service in
            try await service.bucket.strike(rule)
            let answer = try await service.upload("a", Array(repeating: 7, count: 200_000))
            #expect(statuses.contains(answer.status), "\(answer.status) \(answer.text)")
            if answer.status == 503 { #expect(answer.fields.first(name: "retry-after") != nil) }
            try await service.ledger.settle()
            try await service.ledger.expectBytes(in: service.store)
            try await service.ledger.expectGoodKeysAndEvents()
            let listed = try await service.send(.GET, "/api/v1/files").json["files"].items.count
            #expect(listed == (answer.status == 201 ? 1 : 0))
            #expect(try await service.upload("b").status == 201)
        }
    }

    @Test func theAnswerToAPutIsLostButTheObjectIsThere() async throws {
        try await ServiceUnderTest.run { service in
            try await service.bucket.strike(#""method":"PUT","action":"dropAfter","count":1"#)
            #expect(try await service.upload("a", Array(repeating: 7, count: 200_000)).status == 201)
            try await service.ledger.settle()
            try await service.ledger.expectBytes(in: service.store)
        }
    }

    @Test func theAnswerToACompletionIsLostButTheObjectIsThere() async throws {
        try await ServiceUnderTest.run { service in
            try await service.bucket.strike(
                #""method":"POST","query":"uploadId","action":"dropAfter","count":1"#
            )
            let answer = try await service.send(
                .POST,
                "/api/v1/files?name=parts",
                body: .stream(Pattern(count: 9 << 20), length: .unknown)
            )
            #expect(answer.status == 201)
            try await service.ledger.settle()
            try await service.ledger.expectBytes(in: service.store)
        }
    }

    @Test func aPartThatCannotBeStoredDiscardsTheUpload() async throws {
        try await ServiceUnderTest.run { service in
            try await service.bucket.strike(
                #""method":"PUT","query":"partNumber","action":"answer","status":403,"code":"AccessDenied""#
            )
            let answer = try await service.send(
                .POST,
                "/api/v1/files?name=parts",
                body: .stream(Pattern(count: 9 << 20), length: .unknown)
            )
            #expect(answer.status == 502)
            try await service.ledger.settle()
            let discarded = try await service.pool.query("SELECT convert_from(payload, 'UTF8') FROM outbox")
            #expect(try discarded.first?.text(0).contains("s3_upload_id") == true)
        }
    }

    @Test func aCommitWhoseAnswerIsLostIsLookedUp() async throws {
        let url = try TestDatabase.url()
        let door = try NetworkDoor(toDatabase: url)
        defer { door.close() }
        try await ServiceUnderTest.run {
            $0.conninfo = door.address(of: url)
        } _: { service in
            door.loseCommitAnswer(after: "file.stored")
            #expect(try await service.upload("cut").status == 201)
            #expect(door.lostCommitCount == 1)
            try await service.ledger.settle()
            try await service.ledger.expectBytes(in: service.store)
        }
    }

    /// The first commit took the saga's row away, so the heartbeat takes the saga for somebody else's; and three looks at
    /// what became of it get no answer either. The client must not be told that nothing was kept.
    @Test func aCommitWhoseAnswerStaysLostForLongerThanALeaseIsLookedUp() async throws {
        let url = try TestDatabase.url()
        let door = try NetworkDoor(toDatabase: url)
        defer { door.close() }
        try await ServiceUnderTest.run {
            $0.conninfo = door.address(of: url)
            $0.hasWorker = false
            $0.limits.sagaLease = .milliseconds(150)
        } _: { service in
            door.loseCommitAnswer(after: "file.stored", further: 3)
            let answer = try await service.upload("cut")
            #expect(answer.status == 201, "\(answer.text)")
            #expect(door.lostCommitCount == 4)
            try await service.ledger.settle()
            try await service.ledger.expectBytes(in: service.store)
        }
    }

    @Test func aCommitThatBrokeIsMadeAgain() async throws {
        try await ServiceUnderTest.run { service in
            // The first commit of a file ends its own connection; what it wrote is gone.
            try await service.pool.execute(
                """
                CREATE FUNCTION cut() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
                  IF nextval('cut_turn') = 1 THEN PERFORM pg_terminate_backend(pg_backend_pid()); END IF;
                  RETURN NULL; END $$
                """
            )
            try await service.pool.execute("CREATE SEQUENCE cut_turn")
            try await service.pool.execute(
                """
                CREATE CONSTRAINT TRIGGER cut AFTER INSERT ON files DEFERRABLE INITIALLY DEFERRED
                FOR EACH ROW EXECUTE FUNCTION cut()
                """
            )
            #expect(try await service.upload("a").status == 201)
            #expect(try await service.pool.query("SELECT last_value FROM cut_turn").first?.int(0) == 2)
            try await service.ledger.settle()
            try await service.ledger.expectBytes(in: service.store)
            try await service.ledger.expectGoodKeysAndEvents()
        }
    }

    @Test func connectionsThatDieUnderUploadsCostNoAcknowledgedFile() async throws {
        try await ServiceUnderTest.run {
            $0.limits.sagaLease = .seconds(3)
        } _: { service in
            let application = service.pool.settings.applicationName
            let stored = try await withThrowingTaskGroup(of: (String, Int).self) { group in
                for number in 0..<60 {
                    group.addTask {
                        let bytes = Array(repeating: UInt8(number), count: 40_000)
                        return ("f\(number)", try await service.upload("f\(number)", bytes).status)
                    }
                }
                group.addTask {
                    for _ in 0..<10 {
                        _ = try? await service.pool.query(
                            """
                            SELECT pg_terminate_backend(pid) FROM pg_stat_activity
                             WHERE application_name = $1 AND pid <> pg_backend_pid()
                            """,
                            application
                        )
                    }
                    return ("", 0)
                }
                return try await group.reduce(into: [:]) { $0[$1.0] = $1.1 }
            }
            #expect(stored.values.allSatisfy { [0, 201, 503].contains($0) }, "\(Set(stored.values))")
            try await service.ledger.settle(within: .seconds(40))
            try await service.ledger.expectBytes(in: service.store)
            try await service.ledger.expectGoodKeysAndEvents()
            let names = Set(
                try await service.pool.query("SELECT name FROM files WHERE state = 'AVAILABLE'").map {
                    try $0.text(0)
                }
            )
            for (name, status) in stored where status == 201 { #expect(names.contains(name)) }
        }
    }
}
