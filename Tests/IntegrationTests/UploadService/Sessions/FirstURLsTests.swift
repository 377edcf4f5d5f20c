import Foundation
import ObjectStore
import PostgresClient
import TestSupport
import Testing

@testable import UploadService

@Suite("A session, its multipart upload and its first URLs in one request") struct FirstURLsTests {
    @Test func theStoreIsAskedOnce() async throws {
        try await ServiceUnderTest.run { service in
            let (client, answer) = try await SessionClient.open("a", 3, with: ["url_count": 1], on: service)
            #expect(answer.status == 201)
            #expect(answer.json["state"].text == "PENDING")
            let rows = try await service.pool.query(
                """
                SELECT open_count, s3_upload_id = multipart_id, u.object_key = o.object_key
                  FROM uploads u JOIN multipart_openings o ON o.upload_id = u.id
                """
            )
            #expect(rows.count == 1)
            let row = try #require(rows.first)
            #expect(try row.int(0) == 1)
            #expect(try row.bool(1) && row.bool(2))
            let url = try #require(answer.json["urls"].items.first)
            #expect(try await SessionClient.send([1, 2, 3], to: url) == 200)
            #expect(try await client.complete().status == 200)
            #expect(try await client.content() == [1, 2, 3])
        }
    }

    @Test func ofManyAtOnceOneIsNew() async throws {
        try await ServiceUnderTest.run { service in
            for round in 0..<10 {
                let id = UUID().uuidString.lowercased()
                let statuses = try await withThrowingTaskGroup(of: Int.self) { group in
                    for _ in 0..<8 {
                        group.addTask {
                            let extra: [String: Any] = ["upload_id": id, "url_count": 1]
                            let answer = try await SessionClient.open("\(round)", 3, with: extra, on: service)
                                .1
                            #expect(answer.json["urls"].items.count == 1)
                            return answer.status
                        }
                    }
                    return try await group.reduce(into: []) { $0.append($1) }
                }
                #expect(statuses.sorted() == [200, 200, 200, 200, 200, 200, 200, 201])
            }
            let open = try await service.store.listMultipartUploads(prefix: "", after: nil, limit: 1_000)
            let kept = try await service.pool.query("SELECT s3_upload_id FROM uploads").map { try $0.text(0) }
            #expect(Set(open.uploads.map(\.uploadID)) == Set(kept))
            #expect(kept.count == 10)
        }
    }

    /// Its first request is slow; the client asks again, sends a part and gives up.
    @Test func whoWasOvertakenSignsNothing() async throws {
        try await ServiceUnderTest.run { service in
            let (sessions, size) = (service.wiring.sessions, 3)
            let (other, _) = try await SessionClient.open("other", size, on: service)
            let owner = try await session(other, service).owner
            let asked = NewSession(
                id: UUID(),
                name: try FileName("a"),
                contentType: .octetStream,
                size: Int64(size),
                sha256: nil,
                partSize: nil,
                checksum: nil
            )
            let (slow, opening) = try await sessions.open(asked, of: owner)
            #expect(opening != nil)
            let fast = SessionClient(service: service, id: slow.upload.id.uuidString.lowercased())
            #expect(try await fast.put(1, [1, 2, 3]).status == 200)
            #expect(try await fast.abort().status == 200)
            do throws(SessionFailure) {
                let (_, urls) = try await sessions.firstURLs(of: slow, opening, count: 1)
                Issue.record("\(urls.count) URLs of a session that is over")
            } catch {
                guard case .illegal(.aborted) = error else { throw error }
            }
            #expect(try await session(fast, service).openCount == 2)
        }
    }

    @Test func aTakenNameLeavesNothing() async throws {
        try await ServiceUnderTest.run { service in
            let file = try await service.upload("a")
            #expect(file.status == 201)
            for extra in [["url_count": 1], ["upload_id": UUID().uuidString.lowercased()]] as [[String: Any]]
            {
                let answer = try await SessionClient.open("a", 3, with: extra, on: service).1
                #expect(answer.code == "FILE_ALREADY_EXISTS")
                #expect(answer.text.contains(try #require(file.json["id"].text)))
            }
            #expect(try await service.ledger.uploads().count == 1)
            let rows = try await service.pool.query("SELECT count(*) FROM multipart_openings")
            #expect(try rows.first?.int(0) == 0)
        }
    }

    @Test func anUploadThatIsNoSessionIsNotOpened() async throws {
        try await ServiceUnderTest.run { service in
            #expect(try await service.upload("a").status == 201)
            let row = try #require(try await service.pool.query("SELECT id::text FROM uploads").first)
            let answer = try await SessionClient.open("a", 3, with: ["upload_id": row.text(0)], on: service).1
            #expect(answer.code == "UPLOAD_ALREADY_EXISTS")
            let rows = try await service.pool.query("SELECT count(*) FROM multipart_openings")
            #expect(try rows.first?.int(0) == 0)
        }
    }

    private func session(_ client: SessionClient, _ service: ServiceUnderTest) async throws -> UploadSession {
        let id = try #require(UUID(uuidString: client.id))
        return try #require(try await UploadStore.session(id, on: service.pool))
    }
}
