import AsyncHTTPClient
import Digests
import Foundation
import NIOCore
import NIOHTTP1
import Testing

@testable import UploadService

@Suite("I1 every available file has its object, with its size and digest")
struct StoringTests {
    @Test(arguments: [0, 1, 65_536, 3_000_000])
    func aRawBodyOfKnownLengthIsStored(_ count: Int) async throws {
        try await ServiceUnderTest.run { service in
            let bytes = Array(Pattern.bytes(count: count).readableBytesView)
            let answer = try await service.upload(
                "data.bin",
                bytes,
                fields: [("content-type", "Text/Plain; charset=utf-8")]
            )
            #expect(answer.status == 201)
            #expect(answer.fields.first(name: "location") == "/api/v1/files/\(answer.id)")
            #expect(answer.json["sha256"].text == Digest256.of(bytes).hex)
            #expect(answer.json["size"].number == count)
            #expect(answer.json["content_type"].text == "text/plain; charset=utf-8")
            let back = try await service.send(.GET, "/api/v1/files/\(answer.id)/content")
            #expect(back.body == bytes)
            try await service.ledger.settle()
            try await service.ledger.expectBytes(in: service.store)
            try await service.ledger.expectGoodKeysAndEvents()
        }
    }

    @Test func aBodyOfUnknownLengthIsStoredInParts() async throws {
        try await ServiceUnderTest.run { service in
            let count = 20 << 20
            let answer = try await service.send(
                .POST,
                "/api/v1/files?name=pipe",
                body: .stream(Pattern(count: count), length: .unknown)
            )
            #expect(answer.status == 201)
            #expect(answer.json["size"].number == count)
            try await service.ledger.settle()
            try await service.ledger.expectBytes(in: service.store)
        }
    }

    @Test func aDigestIsCheckedHoweverItIsDeclared() async throws {
        try await ServiceUnderTest.run { service in
            let bytes = Array("hello\n".utf8)
            let digest = Digest256.of(bytes)
            let ways: [[(String, String)]] = [
                [("x-content-sha256", digest.hex)], [("repr-digest", "sha-256=:\(digest.base64):")],
                [("content-digest", "md5=:AAAA:, sha-256=:\(digest.base64):")],
                [
                    ("x-content-sha256", digest.hex.uppercased()),
                    ("repr-digest", "sha-256=:\(digest.base64):"),
                ],
            ]
            for (index, fields) in ways.enumerated() {
                #expect(try await service.upload("good-\(index)", bytes, fields: fields).status == 201)
                let other = try await service.upload("bad-\(index)", Array("hello!".utf8), fields: fields)
                #expect(other.status == 422)
                #expect(other.code == "DIGEST_MISMATCH")
            }
            try await service.ledger.settle()
            #expect(try await service.ledger.uploads().filter { $0.hasSuffix("FAILED") }.count == ways.count)
        }
    }

    @Test func aFormIsStoredWhereverItsFileStands() async throws {
        try await ServiceUnderTest.run { service in
            let form = Form().field("before", "x").file("a.txt", "AAA", type: "text/plain").field(
                "after",
                "y"
            )
            let answer = try await form.send(to: service)
            #expect(answer.status == 201)
            #expect(answer.json["name"].text == "a.txt")
            #expect(answer.json["content_type"].text == "text/plain")
            try await service.ledger.expectBytes(in: service.store)
        }
    }

    @Test func severalFilesHaveAnOutcomeEach() async throws {
        try await ServiceUnderTest.run { service in
            let form = Form().file("a", "1").field("sha256", Digest256.of("other").hex).file("b", "2")
                .file("a", "3").file("../c", "4").field("sha256", Digest256.of("5").hex).file("d", "5")
            let answer = try await form.send(to: service)
            #expect(answer.status == 207)
            let items = answer.json["items"].items
            #expect(items.map { $0["status"].number } == [201, 422, 409, 400, 201])
            #expect(items.map { $0["name"].text } == ["a", "b", "a", "../c", "d"])
            #expect(answer.json["items"][2]["error"]["errorCode"].text == "FILE_ALREADY_EXISTS")
            #expect(answer.json["items"][4]["file"]["sha256"].text == Digest256.of("5").hex)
            try await service.ledger.settle()
            try await service.ledger.expectBytes(in: service.store)
        }
    }
}

/// A form, written as browsers write it.
struct Form {
    static let boundary = "----waybill-test"
    var text = ""

    func field(_ name: String, _ value: String) -> Form {
        part("Content-Disposition: form-data; name=\"\(name)\"", value)
    }

    func file(_ name: String, _ content: String, type: String? = nil) -> Form {
        let label = type.map { "\r\nContent-Type: \($0)" } ?? ""
        return part("Content-Disposition: form-data; name=\"file\"; filename=\"\(name)\"\(label)", content)
    }

    private func part(_ head: String, _ content: String) -> Form {
        Form(text: text + "--\(Self.boundary)\r\n\(head)\r\n\r\n\(content)\r\n")
    }

    @discardableResult
    func send(
        to service: ServiceUnderTest,
        closing: String = "--\(Self.boundary)--\r\n",
        boundary: String = Self.boundary,
        fields: [(String, String)] = []
    ) async throws -> Answer {
        let body = (text + closing).replacingOccurrences(of: Self.boundary, with: boundary)
        return try await service.send(
            .POST,
            "/api/v1/files",
            fields: fields + [("content-type", "multipart/form-data; boundary=\(boundary)")],
            body: .bytes(ByteBuffer(string: body))
        )
    }
}
