import FaultPoints
import Foundation
import NIOHTTP1
import ObjectStore
import PostgresClient
import TestSupport
import Testing

@testable import UploadService

@Suite("I2 a session survives every answer that gets lost", .timeLimit(.minutes(3)))
struct SessionFaultTests {
    private static let bytes = SessionClient.bytes(6 << 20)

    /// Sends the same request until it is answered with 200 or 201.
    private static func insist(_ request: () async throws -> Answer) async throws -> Answer {
        var last: Answer?
        try await eventually(within: .seconds(40), "the request gets through") {
            last = try await request()
            return last.map { $0.status == 200 || $0.status == 201 } ?? false
        }
        return try #require(last)
    }

    /// A client that repeats what fails, with the ids it chose.
    private static func upload(_ name: String, on service: ServiceUnderTest) async throws -> SessionClient {
        let id = UUID().uuidString.lowercased()
        _ = try await insist {
            try await SessionClient.open(name, bytes.count, with: ["upload_id": id], on: service).1
        }
        let client = SessionClient(service: service, id: id)
        for number in 1...2 {
            _ = try await insist { try await client.put(number, client.slice(bytes, part: number)) }
        }
        _ = try await insist { try await client.complete() }
        return client
    }

    private static func expectOneWhole(_ client: SessionClient, _ service: ServiceUnderTest) async throws {
        #expect(try await client.content() == bytes)
        let file = try #require(try await client.facts().json["file_id"].text)
        #expect(try await service.ledger.history(of: file) == ["file.stored.1"])
        try await service.ledger.settle()
        try await service.ledger.expectGoodKeysAndEvents()
        // Nothing is left open in the store.
        let open = try await service.store.listMultipartUploads(prefix: "acme/", after: nil, limit: 100)
        #expect(open.uploads.isEmpty)
    }

    @Test(arguments: [
        #""method":"POST","query":"uploads","action":"dropBefore","count":1"#,
        #""method":"POST","query":"uploads","action":"dropAfter","count":1"#,
        #""method":"POST","query":"uploads","action":"dropAfter","count":2"#,
        #""method":"POST","query":"uploads","action":"answer","status":500,"count":2"#,
        #""method":"PUT","query":"partNumber","action":"dropBefore","count":1"#,
        #""method":"PUT","query":"partNumber","action":"dropAfter","count":2"#,
        #""method":"PUT","query":"partNumber","action":"answer","status":503,"code":"SlowDown","count":3"#,
        #""method":"GET","query":"uploadId","action":"answer","status":500,"count":4"#,
        #""method":"POST","query":"uploadId","action":"dropBefore","count":1"#,
        #""method":"POST","query":"uploadId","action":"dropAfter","count":1"#,
        #""method":"POST","query":"uploadId","action":"answer","status":500,"count":3"#,
        #""method":"POST","query":"uploadId","action":"errorInside","code":"InternalError","count":1"#,
        #""method":"POST","query":"uploadId","action":"errorInside","code":"InternalError","count":5"#,
    ])
    func somethingGoesWrongInTheStore(_ rule: String) async throws {
        try await ServiceUnderTest.run { service in
            try await service.bucket.strike(rule)
            try await Self.expectOneWhole(try await Self.upload("a", on: service), service)
        }
    }

    /// It was completed, nobody was told, and it could not be looked up at once: the second attempt meets `NoSuchUpload`.
    @Test func theStoreNoLongerKnowsWhatItHasCompleted() async throws {
        try await ServiceUnderTest.run { service in
            try await service.bucket.strike(
                #""method":"POST","query":"uploadId","action":"dropAfter","count":1"#
            )
            try await service.bucket.strike(
                #""method":"HEAD","keyPrefix":"acme/","action":"answer","status":500,"count":3"#
            )
            let client = try await Self.upload("a", on: service)
            try await Self.expectOneWhole(client, service)
            #expect(try await client.facts().json["attempts"].items.isEmpty == false)
        }
    }

    @Test func aStoreThatNeverCompletesEndsTheSession() async throws {
        try await ServiceUnderTest.run {
            $0.limits.completionPatience = .seconds(1)
        } _: { service in
            let (client, _) = try await SessionClient.open("a", 3, on: service)
            #expect(try await client.put(1, [1, 2, 3]).status == 200)
            try await service.bucket.strike(
                #""method":"POST","query":"uploadId","action":"errorInside","code":"InternalError""#
            )
            let first = try await client.complete()
            #expect(first.code == "UPLOAD_COMPLETING", "\(first.text)")
            #expect(first.json["retryable"].number == 1)
            try await eventually(within: .seconds(60), "it is given up") {
                try await client.state() == "FAILED"
            }
            let facts = try await client.facts().json
            #expect(facts["failure_reason"].text?.contains("InternalError") == true)
            #expect(facts["attempts"].items.count >= CompleteSaga.attemptLimit)
            #expect(try await client.complete().code == "INVALID_UPLOAD_STATE")
            try await service.ledger.settle()
        }
    }

    /// Whoever drives the completion dies; the worker, which knows nothing but the row, goes on.
    @Test(arguments: [
        FaultPoint.afterCompletionClaimed, .beforePartsAssembled, .afterPartsAssembled,
        .beforeUploadCommitted,
        .afterUploadCommitted, .beforeSessionCleared, .afterSessionCleared,
    ])
    func anotherGoesOn(from point: FaultPoint) async throws {
        try await ServiceUnderTest.run {
            $0.faults = CrashOnce(at: point, mode: .throw)
            $0.limits.sagaLease = .seconds(3)
        } _: { service in
            try await Self.expectOneWhole(try await Self.upload("a", on: service), service)
        }
    }

    @Test(arguments: [
        FaultPoint.beforeSessionOpened, .afterSessionOpened, .beforeMultipartOpened, .afterMultipartOpened,
        .beforePartSent,
        .afterPartSent, .beforeCompletionClaimed,
    ])
    func theClientGoesOn(after point: FaultPoint) async throws {
        try await ServiceUnderTest.run {
            $0.faults = CrashOnce(at: point, mode: .throw)
            $0.limits.sagaLease = .seconds(3)
        } _: { service in
            try await Self.expectOneWhole(try await Self.upload("a", on: service), service)
        }
    }

    /// Nothing that was acknowledged has changed, so it is asked again.
    @Test func theStoreRefusesThePartsOnce() async throws {
        try await ServiceUnderTest.run { service in
            try await service.bucket.strike(
                #""method":"POST","query":"uploadId","action":"answer","status":400,"code":"InvalidPart","count":1"#
            )
            try await Self.expectOneWhole(try await Self.upload("a", on: service), service)
        }
    }

    @Test func theStoreRefusesThePartsForEver() async throws {
        try await ServiceUnderTest.run {
            $0.limits.completionPatience = .seconds(1)
        } _: { service in
            let (client, _) = try await SessionClient.open("a", 3, on: service)
            #expect(try await client.put(1, [1, 2, 3]).status == 200)
            try await service.bucket.strike(
                #""method":"POST","query":"uploadId","action":"answer","status":400,"code":"InvalidPart""#
            )
            #expect(try await client.complete().code == "UPLOAD_COMPLETING")
            try await eventually(within: .seconds(60), "it is given up") {
                try await client.state() == "FAILED"
            }
            #expect(try await client.facts().json["failure_reason"].text?.contains("InvalidPart") == true)
            try await service.ledger.settle()
        }
    }

    /// The machine was off for longer than the patience, and the store needs longer than the database.
    @Test func anOutageIsNoReasonToGiveUp() async throws {
        try await ServiceUnderTest.run {
            $0.limits.completionPatience = .zero
        } _: { service in
            try await service.bucket.strike(
                #""method":"POST","query":"uploadId","action":"answer","status":503,"code":"SlowDown","count":15"#
            )
            try await Self.expectOneWhole(try await Self.upload("a", on: service), service)
        }
    }
}
