import Digests
import NIOCore
import NIOHTTP1
import ObjectStore
import PostgresClient
import Testing

@testable import UploadService

@Suite("I56 downloads are attachments that no browser runs")
struct DownloadFieldTests {
    @Test func fieldsOfADownload() async throws {
        try await ServiceUnderTest.run { service in
            let page = Array("<script>alert(1)</script>".utf8)
            let id = try await service.upload("a\".html", page, fields: [("content-type", "text/html")]).id
            for method in ["GET", "HEAD"] {
                let answer = try await service.send(.init(rawValue: method), "/api/v1/files/\(id)/content")
                #expect(answer.status == 200)
                #expect(answer.body == (method == "GET" ? page : []))
                let fields = answer.fields
                #expect(fields.first(name: "content-length") == String(page.count))
                #expect(fields.first(name: "x-content-type-options") == "nosniff")
                #expect(fields.first(name: "content-disposition")?.hasPrefix("attachment;") == true)
                #expect(fields.first(name: "content-security-policy")?.contains("sandbox") == true)
                #expect(fields.first(name: "repr-digest") == "sha-256=:\(Digest256.of(page).base64):")
                #expect(fields.first(name: "etag") == "\"\(Digest256.of(page).hex)\"")
                #expect(fields.first(name: "accept-ranges") == "bytes")
            }
        }
    }

    @Test func rangesAndConditions() async throws {
        try await ServiceUnderTest.run { service in
            let id = try await service.upload("digits", Array("0123456789".utf8)).id
            let path = "/api/v1/files/\(id)/content"
            let whole = try await service.send(.GET, path)
            let tag = try #require(whole.fields.first(name: "etag"))
            let cases: [(fields: [(String, String)], status: Int, text: String)] = [
                ([("range", "bytes=2-4")], 206, "234"), ([("range", "bytes=-3")], 206, "789"),
                ([("range", "bytes=8-")], 206, "89"), ([("range", "bytes=0-1,4-5")], 200, "0123456789"),
                ([("range", "bytes=2-4"), ("if-range", tag)], 206, "234"),
                ([("range", "bytes=2-4"), ("if-range", "\"other\"")], 200, "0123456789"),
                ([("if-none-match", tag)], 304, ""), ([("if-none-match", "\"other\"")], 200, "0123456789"),
                ([("if-none-match", "*")], 304, ""),
            ]
            for (fields, status, text) in cases {
                let answer = try await service.send(.GET, path, fields: fields)
                #expect(answer.status == status, "\(fields)")
                #expect(answer.text == text, "\(fields)")
            }
            let outside = try await service.send(.GET, path, fields: [("range", "bytes=10-")])
            #expect(outside.status == 416)
            #expect(outside.fields.first(name: "content-range") == "bytes */10")
            #expect(try await service.send(.GET, path, fields: [("if-match", "\"other\"")]).status == 412)
        }
    }

    @Test func whatTheStoreLostOrChangedIsNotGivenOut() async throws {
        try await ServiceUnderTest.run { service in
            let id = try await service.upload("lost").id
            let key = try #require(
                try await service.pool.query("SELECT object_key FROM files").first?.text(0)
            )
            _ = try await service.store.put(key, body: .bytes(Pattern.bytes(count: 3)))
            #expect(try await service.send(.GET, "/api/v1/files/\(id)/content").status == 502)
            try await service.store.delete(key)
            let gone = try await service.send(.GET, "/api/v1/files/\(id)/content")
            #expect(gone.status == 502)
            #expect(gone.code == "STORE_REFUSED")
        }
    }
}

@Suite("I35 a client reads what it wrote")
struct ReadYourWriteTests {
    @Test func immediatelyAndInEveryList() async throws {
        try await ServiceUnderTest.run { service in
            for number in 0..<20 {
                let written = try await service.upload("f\(number)", Array("content \(number)".utf8))
                #expect(written.status == 201)
                let read = try await service.send(.GET, "/api/v1/files/\(written.id)")
                #expect(read.status == 200)
                #expect(read.json["version"].number == 1)
                #expect(read.fields.first(name: "etag") == "\"1-pending\"")
                let content = try await service.send(.GET, "/api/v1/files/\(written.id)/content")
                #expect(content.text == "content \(number)")
                let list = try await service.send(.GET, "/api/v1/files?limit=1")
                #expect(list.json["files"][0]["id"].text == written.id)
            }
        }
    }

    @Test func pagesAreCompleteAndWithoutRepeats() async throws {
        try await ServiceUnderTest.run { service in
            for number in 0..<7 { try await service.upload(number < 5 ? "p-\(number)" : "q-\(number)") }
            var names: [String] = []
            var cursor = ""
            repeat {
                let page = try await service.send(.GET, "/api/v1/files?limit=3&name_prefix=p-\(cursor)")
                #expect(page.status == 200)
                names += page.json["files"].items.compactMap { $0["name"].text }
                cursor = page.json["next_cursor"].text.map { "&cursor=\($0)" } ?? ""
            } while !cursor.isEmpty
            #expect(names == ["p-4", "p-3", "p-2", "p-1", "p-0"])
            for query in [
                "limit=0", "limit=1001", "limit=x", "cursor=x", "state=purged", "state=", "unknown=1",
            ] {
                let answer = try await service.send(.GET, "/api/v1/files?\(query)")
                #expect(answer.code == "INVALID_PARAMETER", "\(query)")
            }
        }
    }

    @Test func anUnchangedFileIsNotSentAgain() async throws {
        try await ServiceUnderTest.run { service in
            let id = try await service.upload("a").id
            let path = "/api/v1/files/\(id)"
            let tag = try #require(try await service.send(.GET, path).fields.first(name: "etag"))
            #expect(try await service.send(.GET, path, fields: [("if-none-match", tag)]).status == 304)
            try await service.pool.execute("UPDATE files SET index_state = 'INDEXED'")
            #expect(try await service.send(.GET, path, fields: [("if-none-match", tag)]).status == 200)
        }
    }
}
