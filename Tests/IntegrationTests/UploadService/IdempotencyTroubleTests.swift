import Determinism
import EventContracts
import FaultPoints
import Logging
import NIOCore
import NIOHTTP1
import PostgresClient
import ServiceBootstrap
import TestSupport
import Testing

import struct FoundationEssentials.UUID

@testable import UploadService

@Suite("I29 one key has at most one effect, whoever stalls or dies")
struct IdempotencyTroubleTests {
    private static let key = ("idempotency-key", "k")
    private static let runOut: Statement = "UPDATE idempotency_keys SET locked_until = clock_timestamp()"

    @Test func anUploadThatWasTakenForDeadIsAnsweredLikeTheOneThatTookOver() async throws {
        try await ServiceUnderTest.run { service in
            let client = try service.connect()
            let fields = "content-length: 6\r\ncontent-type: application/octet-stream\r\nidempotency-key: k"
            try await client.send(service.head("a", length: fields) + "hel")
            try await eventually { try await service.ledger.openUploadCount() == 1 }
            try await service.pool.execute(Self.runOut)
            let second = try await service.upload("a", fields: [Self.key])
            #expect(second.status == 201, "\(second.text)")
            // Free for another upload of that name, were the first not held by its epoch.
            try await service.send(.DELETE, "/api/v1/files/\(second.id)")
            try await client.send("lo\n")
            let late = try await client.receive { $0.contains("\"version\":1}") }
            #expect(late.text.hasPrefix("HTTP/1.1 201") && late.text.contains(second.id), "\(late.text)")
            try await service.pool.execute("UPDATE sagas SET lease_until = '-infinity'")
            try await service.ledger.settle()
            #expect(try await service.pool.query("SELECT id FROM files").count == 1)
            #expect(Set(try await service.ledger.uploads()) == ["a COMPLETED", "a FAILED"])
        }
    }

    /// Its own failure, that the name is taken, would be a lie: by the file that the same request has made.
    @Test func whoCannotAskWhatBecameOfItsKeySaysSo() async throws {
        try await ServiceUnderTest.run {
            $0.faults = CrashOnce(at: .beforeKeyReleased, mode: .throw)
        } _: { service in
            let client = try service.connect()
            let fields = "content-length: 6\r\ncontent-type: application/octet-stream\r\nidempotency-key: k"
            try await client.send(service.head("a", length: fields) + "hel")
            try await eventually { try await service.ledger.openUploadCount() == 1 }
            try await service.pool.execute(Self.runOut)
            let second = try await service.upload("a", fields: [Self.key])
            try await client.send("lo\n")
            let late = try await client.receive { $0.contains("trace_id") }
            #expect(
                late.text.hasPrefix("HTTP/1.1 503") && late.text.contains("OUTCOME_UNKNOWN"),
                "\(late.text)"
            )
            #expect(try await service.upload("a", fields: [Self.key]).body == second.body)
        }
    }

    @Test func theKeyOfADeadRequestIsTakenOverWhenItsLeaseHasRunOut() async throws {
        try await ServiceUnderTest.run {
            $0.limits.sagaLease = .seconds(1)
            $0.faults = CrashOnce(at: .afterKeyClaimed, mode: .throw)
        } _: { service in
            #expect(try await service.upload("a", fields: [Self.key]).status == 503)
            #expect(try await service.upload("a", fields: [Self.key]).code == "IDEMPOTENCY_KEY_IN_USE")
            try await eventually { try await service.upload("a", fields: [Self.key]).status == 201 }
        }
    }

    /// However long the bytes take, the key stays theirs.
    @Test func theKeyOfALivingUploadIsNotTakenOver() async throws {
        try await ServiceUnderTest.run {
            $0.limits.sagaLease = .milliseconds(600)
        } _: { service in
            let client = try service.connect()
            let fields = "content-length: 6\r\ncontent-type: application/octet-stream\r\nidempotency-key: k"
            try await client.send(service.head("a", length: fields) + "hel")
            let claimed = try await Self.lock(service)
            try await eventually("renewed twice") { try await Self.lock(service) > claimed + .seconds(1) }
            #expect(try await service.upload("a", fields: [Self.key]).code == "IDEMPOTENCY_KEY_IN_USE")
            try await client.send("lo\n")
            let answer = try await client.receive { $0.contains("\"version\":1}") }
            #expect(answer.text.hasPrefix("HTTP/1.1 201"), "\(answer.text)")
        }
    }

    private static func lock(_ service: ServiceUnderTest) async throws -> Duration {
        var lock = Duration.zero
        try await eventually {
            let rows = try await service.pool.query(
                "SELECT (extract(epoch FROM locked_until) * 1000)::bigint FROM idempotency_keys"
            )
            lock = .milliseconds(try rows.first?.int64(0) ?? 0)
            return lock > .zero
        }
        return lock
    }

    /// The saga's row went with the first commit, and three looks at what became of it get no answer either.
    @Test(arguments: [0, 3, 12])
    func aCommitWhoseAnswerIsLostIsTheAnswer(_ further: Int) async throws {
        let url = try TestDatabase.url()
        let door = try NetworkDoor(toDatabase: url)
        defer { door.close() }
        try await ServiceUnderTest.run {
            $0.conninfo = door.address(of: url)
            $0.hasWorker = false
            $0.limits.commitPatience = .milliseconds(500)
        } _: { service in
            door.loseCommitAnswer(after: "file.stored", further: further)
            var answers = [try await service.upload("cut", fields: [Self.key])]
            try await eventually(within: .seconds(30)) {
                answers.append(try await service.upload("cut", fields: [Self.key]))
                return answers.last?.status == 201
            }
            #expect(answers.allSatisfy { [201, 503].contains($0.status) }, "\(answers.map(\.text))")
            let stored = answers.filter { $0.status == 201 }
            #expect(stored.count <= 2 && stored.first?.body == stored.last?.body)
            let again = try await service.upload("cut", fields: [Self.key])
            #expect(again.body == stored.last?.body && again.fields.contains(name: "idempotency-replayed"))
            #expect(try await service.pool.query("SELECT 1 FROM files").count == 1)
        }
    }

    /// A key that is let go and claimed anew has another epoch: who had it before cannot answer for it.
    @Test func aClaimIsNeverMistakenForALaterOne() async throws {
        try await ServiceUnderTest.run { service in
            let (keys, slot) = (service.wiring.keys, try Self.slot("a"))
            let first = try #require(try await keys.claim(slot).claim)
            try await service.pool.execute(Self.runOut)
            let second = try #require(try await keys.claim(slot).claim)
            #expect(try await !keys.renew(first))
            #expect(try await keys.renew(second))
            #expect(try await keys.release(first) == nil)
            #expect(try await keys.renew(second))
            #expect(try await keys.release(second) == nil)
            let third = try #require(try await keys.claim(try Self.slot("b")).claim)
            let answer = try StoredAnswer(["a"])
            for stale in [first, second] {
                let isStored = try await service.pool.withTransaction { (tx: borrowing Transaction) in
                    try await IdempotencyStore.finish([(stale, answer)], in: tx)
                }
                #expect(!isStored)
            }
            #expect(await keys.finish(third, answer) == answer)
            #expect(try await keys.release(third)?.body == answer.body)
            #expect(try await keys.release(first) == nil, "the answer to another request")
        }
    }

    private static func slot(_ fact: String) throws -> KeySlot {
        KeySlot(
            owner: Owner(tenant: "acme", name: "ann"),
            key: try IdempotencyKey("k"),
            fingerprint: RequestFingerprint([fact])
        )
    }
}

extension KeyVerdict {
    fileprivate var claim: KeyClaim? {
        if case .claimed(let claim) = self { return claim }
        return nil
    }
}
