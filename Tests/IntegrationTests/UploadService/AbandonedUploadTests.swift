import AsyncHTTPClient
import Determinism
import Foundation
import NIOCore
import NIOHTTP1
import PostgresClient
import SagaEngine
import ServiceBootstrap
import TestSupport
import Testing

@testable import UploadService

@Suite("I14 no event tells of what never happened")
struct AbandonedUploadTests {
    @Test func anUploadWhoseProcessDiedIsDiscardedByAnother() async throws {
        try await ServiceUnderTest.run { service in
            let upload = try service.wiring.receive.newUpload(Self.file(), of: Self.ann)
            _ = try await service.wiring.receive.saga.begin(upload)
            try await service.pool.execute("UPDATE sagas SET lease_until = clock_timestamp()")
            #expect(try await service.ledger.uploads() == ["gone PENDING"])
            try await service.ledger.settle()
            #expect(try await service.ledger.uploads() == ["gone FAILED"])
            #expect(try await service.ledger.history(of: upload.fileID.text) == ["upload.discarded.1"])
        }
    }

    @Test func aTransferThatLostItsSagaStopsAndStoresNothing() async throws {
        try await ServiceUnderTest.run {
            $0.limits.sagaLease = .seconds(3)
        } _: { service in
            let client = try service.connect()
            try await client.send(service.head("slow", length: "content-length: 5") + "hel")
            try await eventually { try await service.ledger.openUploadCount() == 1 }
            // Another process decides that this one is dead.
            try await service.pool.execute("UPDATE sagas SET lease_until = '-infinity'")
            try await eventually { try await service.ledger.uploads() == ["slow FAILED"] }
            try await client.send("lo")
            let answer = try await client.receive { $0.contains("\r\n\r\n") }
            #expect(answer.text.hasPrefix("HTTP/1.1 503"), "\(answer.text)")
            try await service.ledger.settle()
        }
    }

    /// Others may have discarded the upload in the meantime, and looked for its object for the last time.
    @Test func bytesThatComeAfterALongSleepAreNotSent() async throws {
        func send(silentFor limit: Duration) async throws -> Int64 {
            let body = TalliedBody(
                UploadSource(length: nil, body: ErasedPattern(Pattern(count: 3))),
                limit: 10,
                expecting: ExpectedBody(),
                signOfLife: SignOfLife(limit: limit, time: SystemTime())
            )
            for try await _ in body {}
            return body.byteCount
        }
        #expect(try await send(silentFor: .seconds(60)) == 3)
        await #expect(throws: UploadFailure.self) { try await send(silentFor: .zero) }
    }

    private static let ann = Owner(tenant: "acme", name: "ann")

    private static func file() throws -> IncomingFile {
        IncomingFile(
            name: try FileName("gone"),
            contentType: .octetStream,
            declaredSHA256: nil,
            source: UploadSource(length: 3, body: ErasedPattern(Pattern(count: 3)))
        )
    }
}

/// A pattern as a request body: its failures are of any kind.
struct ErasedPattern: AsyncSequence, Sendable {
    typealias Element = ByteBuffer
    typealias Failure = any Error
    let pattern: Pattern

    init(_ pattern: Pattern) { self.pattern = pattern }

    struct AsyncIterator: AsyncIteratorProtocol {
        var base: Pattern.Iterator
        mutating func next() async throws -> ByteBuffer? { try await base.next() }
    }

    func makeAsyncIterator() -> AsyncIterator { AsyncIterator(base: pattern.makeAsyncIterator()) }
}

@Suite("PostgreSQL away: 503, and ready again without a restart", .serialized)
struct DatabaseOutageTests {
    @Test func throughAStopAndAStart() async throws {
        try await ThrowawayCluster.with { cluster in
            let settings = cluster.settings
            try await ServiceUnderTest.run {
                $0.database = settings
            } _: { service in
                #expect(try await service.upload("before").status == 201)
                try await eventually("ready") {
                    try await service.send(.GET, "/readyz", as: nil).status == 200
                }
                try await cluster.stop("immediate")
                let file = "/01900000-0000-7000-8000-000000000000"
                for (method, path, code) in [
                    ("POST", "?name=x", "AUTHENTICATION_UNAVAILABLE"),
                    ("GET", "", "AUTHENTICATION_UNAVAILABLE"),
                    ("DELETE", file, "AUTHENTICATION_UNAVAILABLE"), ("GET", file, "DATABASE_UNAVAILABLE"),
                    ("GET", "\(file)/content", "DATABASE_UNAVAILABLE"),
                ] {
                    let answer = try await service.send(
                        .init(rawValue: method),
                        "/api/v1/files\(path)",
                        body: method == "POST" ? .bytes(ByteBuffer(string: "x")) : nil
                    )
                    #expect(answer.status == 503, "\(method) \(path)")
                    #expect(answer.text.contains(code), "\(method) \(path): \(answer.text)")
                    #expect(answer.fields.first(name: "retry-after") != nil)
                }
                try await eventually("not ready") {
                    try await service.send(.GET, "/readyz", as: nil).status == 503
                }
                #expect(try await service.send(.GET, "/livez", as: nil).status == 200)
                try await cluster.start()
                try await eventually(within: .seconds(30), "ready again") {
                    try await service.send(.GET, "/readyz", as: nil).status == 200
                }
                #expect(try await service.upload("after").status == 201)
                try await service.ledger.settle()
            }
        }
    }
}
