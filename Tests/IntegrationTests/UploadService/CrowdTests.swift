import AsyncHTTPClient
import HTTPServing
import NIOHTTP1
import TestSupport
import Testing

@testable import UploadService

@Suite("transfers leave room for others: what does not fit is refused before a byte is read")
struct CrowdTests {
    /// Begins an upload and lets it wait for its bytes.
    private func begin(_ name: String, _ service: ServiceUnderTest, length: String) async throws
        -> RawConnection
    {
        let count = try await service.ledger.openUploadCount()
        let client = try service.connect()
        try await client.send(service.head(name, length: length))
        try await eventually { try await service.ledger.openUploadCount() == count + 1 }
        return client
    }

    @Test func oneTenantCannotTakeEveryTransfer() async throws {
        try await ServiceUnderTest.run {
            $0.transfers.transferCount = 4
        } _: { service in
            let stored = try await service.upload("stored")
            var clients: [RawConnection] = []
            for number in 0..<3 {
                clients.append(try await begin("slow-\(number)", service, length: "content-length: 2"))
            }
            let refused = try await service.upload("one more")
            #expect(refused.status == 503)
            #expect(refused.code == "SERVER_BUSY")
            #expect(refused.fields.first(name: "retry-after") != nil)
            #expect(try await service.send(.GET, "/api/v1/files/\(stored.id)/content").code == "SERVER_BUSY")
            #expect(try await service.send(.GET, "/api/v1/files/\(stored.id)").status == 200)
            #expect(try await service.send(.GET, "/readyz", as: nil).status == 200)
            #expect(try await service.upload("another tenant's", as: ServiceUnderTest.zoe).status == 201)

            for client in clients {
                try await client.send("ok")
                let answer = try await client.receive(within: 30) { $0.contains("\"version\":1}") }
                #expect(answer.text.hasPrefix("HTTP/1.1 201"), "\(answer.text)")
            }
            try await eventually { service.wiring.surroundings.budget.use.transferCount == 0 }
            #expect(try await service.send(.GET, "/api/v1/files/\(stored.id)/content").status == 200)
            #expect(try await service.upload("one more").status == 201)
            try await eventually { service.wiring.surroundings.budget.use.transferCount == 0 }
        }
    }

    /// A form says how long it is, so a short one takes little.
    @Test func memoryForPartsIsPromisedOnlyOnce() async throws {
        try await ServiceUnderTest.run {
            $0.transfers.partMemory = 33 << 20
        } _: { service in
            let chunked = "transfer-encoding: chunked"
            let first = try await begin("first", service, length: chunked)
            let second = try await begin("second", service, length: chunked)
            let third = try await service.send(
                .POST,
                "/api/v1/files?name=third",
                body: .stream(Pattern(count: 10), length: .unknown)
            )
            #expect(third.status == 503)
            #expect(third.code == "SERVER_BUSY")
            #expect(try await service.upload("of known length").status == 201)
            for client in [first, second] {
                try await client.send("2\r\nok\r\n0\r\n\r\n")
                _ = try await client.receive(within: 30) { $0.contains("\"version\":1}") }
            }
            try await eventually { service.wiring.surroundings.budget.use.partMemory == 0 }
        }
    }

    @Test func whatATransferTakesIsGivenBackHoweverItEnds() async throws {
        try await ServiceUnderTest.run { service in
            let budget = service.wiring.surroundings.budget
            let stored = try await service.upload("stored", Array(repeating: 1, count: 32 << 20))
            let hangsUp = try await begin("hangs-up", service, length: "content-length: 9")
            #expect(budget.use.transferCount == 1)
            hangsUp.reset()
            try await eventually("the upload is over") { budget.use.transferCount == 0 }
            let reader = try service.connect()
            try await reader.send(
                "GET /api/v1/files/\(stored.id)/content HTTP/1.1\r\nhost: x\r\nauthorization: Bearer \(ServiceUnderTest.ann)\r\n\r\n"
            )
            try await eventually("the download begins") { budget.use.transferCount == 1 }
            reader.reset()
            try await eventually("the download is over") { budget.use.transferCount == 0 }
            _ = try await service.upload(
                "refused",
                fields: [("x-content-sha256", String(repeating: "0", count: 64))]
            )
            #expect(budget.use.transferCount == 0)
        }
    }
}
