import AsyncHTTPClient
import EventContracts
import Foundation
import NIOHTTP1
import PostgresClient
import TestSupport
import Testing

@testable import UploadService

@Suite("I9 what a tenant is charged for is what it stores, and stays below its limit")
struct QuotaTests {
    private static let path = "/api/v1/quotas"

    @Test func uploadsAreHeldToTheLimit() async throws {
        try await ServiceUnderTest.run { service in
            #expect(try await service.upload("before", bytes(400)).status == 201)
            #expect(try await used(of: service, after: set(1_000, on: service)) == 400)
            #expect(try await service.upload("fits", bytes(600)).status == 201)
            let refused = try await service.upload("more", bytes(1))
            #expect(refused.status == 507 && refused.code == "QUOTA_EXCEEDED")
            #expect(try await service.upload("empty", []).status == 201)
            // Who does not say how much it is learns it at the end; nothing of it is kept.
            let stream = try await streamed("stream", 5, on: service)
            #expect(stream.status == 507 && stream.code == "QUOTA_EXCEEDED")
            let (_, session) = try await SessionClient.open("session", 1, on: service)
            #expect(session.status == 507 && session.code == "QUOTA_EXCEEDED")
            #expect(
                try await service.upload("elsewhere", bytes(5_000), as: ServiceUnderTest.zoe).status == 201
            )
            try await service.ledger.settle()
            #expect(try await used(of: service) == 1_000)
            try await noDrift(service)
        }
    }

    @Test func aStreamThatProvesTooLongIsNotKept() async throws {
        try await ServiceUnderTest.run { service in
            _ = try await set(1_000, on: service)
            #expect(try await streamed("much", 1_001, on: service).status == 507)
            #expect(try await streamed("enough", 1_000, on: service).status == 201)
            try await service.ledger.settle()
            #expect(try await used(of: service) == 1_000)
            #expect(try await service.ledger.uploads().sorted() == ["enough COMPLETED", "much FAILED"])
            try await noDrift(service)
        }
    }

    /// What is deleted can be restored and is charged for; what is purged, aborted or refused is not.
    @Test func bytesAreChargedUntilTheyAreGone() async throws {
        try await ServiceUnderTest.run { service in
            _ = try await set(100_000_000, on: service)
            let file = try await service.upload("a", bytes(300))
            let (session, opened) = try await SessionClient.open("b", 20 << 20, on: service)
            #expect(opened.status == 201)
            #expect(try await used(of: service) == 300 + (20 << 20))
            #expect(
                try await session.service.send(.DELETE, "\(SessionClient.path)/\(session.id)").status == 200
            )
            #expect(try await used(of: service) == 300)
            #expect(
                try await service.send(.DELETE, "\(ServiceUnderTest.files)/\(file.id)?purge=true").status
                    == 200
            )
            #expect(try await used(of: service) == 300)
            try await eventually("the file is purging") {
                try await service.ledger.history(of: file.id).last == "file.purging.3"
            }
            try await service.reply(to: file.id, version: 3, .bytesRemoved(service.removedBytes(of: file.id)))
            #expect(try await used(of: service) == 0)
            try await noDrift(service)
        }
    }

    /// However requests race, no byte more is taken than there is room for, and every byte taken is counted.
    @Test func manyAtOnceShareWhatIsThere() async throws {
        try await ServiceUnderTest.run { service in
            _ = try await set(10_000, on: service)
            let statuses = try await withThrowingTaskGroup(of: Int.self) { group in
                for number in 0..<40 {
                    group.addTask {
                        number % 2 == 0
                            ? try await service.upload("known \(number)", bytes(1_000)).status
                            : try await streamed("stream \(number)", 1_000, on: service).status
                    }
                }
                return try await group.reduce(into: [:]) { $0[$1, default: 0] += 1 }
            }
            #expect(statuses == [201: 10, 507: 30])
            try await service.ledger.settle()
            #expect(try await used(of: service) == 10_000)
            try await noDrift(service)
        }
    }

    /// A limit that is set while uploads run counts each of them once.
    @Test func aLimitThatIsSetMeanwhileMissesNothing() async throws {
        try await ServiceUnderTest.run { service in
            try await withThrowingTaskGroup(of: Void.self) { group in
                for number in 0..<30 {
                    group.addTask { _ = try await service.upload("file \(number)", bytes(100)) }
                }
                for _ in 0..<10 { _ = try await set(1_000_000, on: service) }
                try await group.waitForAll()
            }
            try await service.ledger.settle()
            #expect(try await used(of: service) == 3_000)
            try await noDrift(service)
        }
    }

    @Test func aDriftIsFoundAndCountedAnew() async throws {
        try await ServiceUnderTest.run { service in
            _ = try await service.upload("a", bytes(70))
            _ = try await set(1_000, on: service)
            _ = try await service.pool.execute("UPDATE quotas SET used_bytes = 5 WHERE tenant = 'acme'")
            let drift = QuotaDrift(tenant: "acme", usedBytes: 5, chargedBytes: 70)
            #expect(try await QuotaStore.drifts(on: service.pool) == [drift])
            let path = "\(Self.path)/acme/recount"
            #expect(try await service.send(.POST, path).status == 403)
            let answer = try await service.send(.POST, path, as: ServiceUnderTest.root)
            #expect(answer.status == 200 && answer.json["used_bytes"].number == 70)
            try await noDrift(service)
            let list = try await service.send(.GET, Self.path, as: ServiceUnderTest.root)
            #expect(list.json["quotas"].items.map { $0["tenant"].text } == ["acme"])
            #expect(
                try await service.send(.DELETE, "\(Self.path)/acme", as: ServiceUnderTest.root).status == 204
            )
            #expect(
                try await service.send(.GET, "\(Self.path)/acme", as: ServiceUnderTest.root).status == 404
            )
            #expect(try await service.upload("b", bytes(5_000)).status == 201)
        }
    }

    // MARK: Steps

    private func set(_ limit: Int, on service: ServiceUnderTest) async throws -> Answer {
        let body = try SessionClient.json(["byte_limit": limit])
        let answer = try await service.send(.PUT, "\(Self.path)/acme", as: ServiceUnderTest.root, body: body)
        #expect(answer.status == 200, "\(answer.text)")
        return answer
    }

    private func used(of service: ServiceUnderTest, after _: Answer? = nil) async throws -> Int? {
        try await service.send(.GET, "\(Self.path)/acme", as: ServiceUnderTest.root).json["used_bytes"].number
    }

    private func noDrift(_ service: ServiceUnderTest) async throws {
        #expect(try await QuotaStore.drifts(on: service.pool) == [])
    }

    private func streamed(_ name: String, _ count: Int, on service: ServiceUnderTest) async throws -> Answer {
        try await service.send(
            .POST,
            "\(ServiceUnderTest.files)?name=\(ServiceUnderTest.encoded(name))",
            body: .stream(Pattern(count: count), length: .unknown)
        )
    }
}

private func bytes(_ count: Int) -> [UInt8] { [UInt8](repeating: 7, count: count) }
