import AsyncHTTPClient
import Foundation
import HTTPServing
import NIOCore
import NIOHTTP1
import TestSupport
import Testing

@testable import UploadService

@Suite("bad input is refused in one sentence, and nothing of it stays")
struct BadInputTests {
    @Test func namesThatCannotBe() async throws {
        try await ServiceUnderTest.run { service in
            let names = [
                "", " ", ".", "..", "../a", "a/b", "a\\b", "a\u{0}b", "a\r\nb", "\u{7F}", "a\u{202E}gpj.exe",
                "\u{200B}", String(repeating: "a", count: 4_096), String(repeating: "é", count: 513),
            ]
            for name in names {
                let answer = try await service.upload(name)
                #expect(answer.status == 400)
                #expect(answer.code == "INVALID_FILE_NAME")
                #expect(answer.fields.first(name: "content-type") == "application/problem+json")
            }
            let bytes = try await service.send(.POST, "/api/v1/files?name=%FF%FE", body: .bytes(ByteBuffer()))
            #expect(bytes.code == "INVALID_FILE_NAME")
            #expect(try await service.ledger.uploads() == [])
        }
    }

    @Test func aNameThatOnlyGrowsTooLongInNormalizationFormC() async throws {
        try await ServiceUnderTest.run { service in
            // U+1D160 is 4 bytes; its canonical form is three scalars of 4 bytes, which are not composed again.
            let answer = try await service.upload(String(repeating: "\u{1D160}", count: 256))
            #expect(answer.status == 400)
            #expect(answer.code == "INVALID_FILE_NAME")
            #expect(try await service.ledger.uploads() == [])
        }
    }

    @Test func namesThatLookOddButAreFine() async throws {
        try await ServiceUnderTest.run { service in
            for name in [
                "👩‍👩‍👧 family.png", "c++ & co.txt", "%2e%2e", "名前.txt", "a\"b;c='d'",
                String(repeating: "x", count: 1_024),
            ] {
                let answer = try await service.upload(name)
                #expect(answer.status == 201)
                #expect(answer.json["name"].text == name)
                let back = try await service.send(.GET, "/api/v1/files/\(answer.id)/content")
                #expect(back.fields.first(name: "content-disposition")?.hasPrefix("attachment;") == true)
            }
        }
    }

    @Test func parametersAndFieldsThatCannotBe() async throws {
        try await ServiceUnderTest.run { service in
            let cases: [(path: String, fields: [(String, String)], status: Int, code: String)] = [
                ("", [], 400, "INVALID_PARAMETER"), ("?name=a&name=b", [], 400, "INVALID_PARAMETER"),
                ("?name=a&nmae=b", [], 400, "INVALID_PARAMETER"),
                ("?name=a&sha256=12", [], 400, "INVALID_DIGEST"),
                ("?name=a", [("x-content-sha256", "zz")], 400, "INVALID_DIGEST"),
                ("?name=a", [("repr-digest", "sha-256=abc")], 400, "INVALID_DIGEST"),
                (
                    "?name=a&sha256=\(String(repeating: "0", count: 64))",
                    [("x-content-sha256", String(repeating: "1", count: 64))], 400, "INVALID_DIGEST"
                ),
                ("?name=a", [("content-encoding", "gzip")], 415, "UNSUPPORTED_ENCODING"),
                ("", [("content-type", "multipart/form-data")], 415, "UNSUPPORTED_MEDIA_TYPE"),
            ]
            for (path, fields, status, code) in cases {
                let answer = try await service.send(
                    .POST,
                    "/api/v1/files\(path)",
                    fields: fields,
                    body: .bytes(ByteBuffer(string: "x"))
                )
                #expect(answer.status == status, "\(path) \(fields)")
                #expect(answer.code == code, "\(path) \(fields)")
            }
            #expect(try await service.ledger.uploads() == [])
        }
    }

    @Test func sizesThatCannotBe() async throws {
        try await ServiceUnderTest.run {
            $0.limits.byteLimit = 1_000
        } _: { service in
            let long = try await service.upload("long", Array(repeating: 1, count: 1_001))
            #expect(long.status == 413)
            #expect(long.code == "FILE_TOO_LARGE")
            #expect(try await service.ledger.uploads() == [])
            let unknown = try await service.send(
                .POST,
                "/api/v1/files?name=stream",
                body: .stream(Pattern(count: 100_000), length: .unknown)
            )
            #expect(unknown.status == 413)
            #expect(try await service.upload("fits", Array(repeating: 1, count: 1_000)).status == 201)
            for length in ["9223372036854775807", "99999999999999999999999", "-1"] {
                let client = try service.connect()
                try await client.send(service.head("absurd", length: "content-length: \(length)"))
                let answer = try await client.receive { $0.contains("\r\n\r\n") }
                #expect(answer.text.hasPrefix("HTTP/1.1 4"), "\(length): \(answer.text)")
            }
            let none = try service.connect()
            try await none.send(service.head("none", length: "connection: close"))
            #expect(try await none.receive().text.hasPrefix("HTTP/1.1 411"))
            try await service.ledger.settle()
        }
    }

    @Test func aBodyThatEndsEarlyOrStalls() async throws {
        try await ServiceUnderTest.run {
            $0.connection.bodyStallTimeout = .milliseconds(300)
        } _: { service in
            let hangsUp = try service.connect()
            try await hangsUp.send(service.head("hangs-up", length: "content-length: 1000") + "some")
            try await eventually { try await service.ledger.openUploadCount() == 1 }
            hangsUp.reset()
            let halfCloses = try service.connect()
            try await halfCloses.send(service.head("half", length: "content-length: 1000") + "some")
            halfCloses.finishSending()
            let stalls = try service.connect()
            try await stalls.send(service.head("stalls", length: "content-length: 1000") + "some")
            let stalled = try await stalls.receive(within: 40) { $0.contains("\r\n\r\n") }.text
            #expect(stalled.hasPrefix("HTTP/1.1 408"), "\(stalled)")
            let broken = try service.connect()
            try await broken.send(
                service.head("chunk", length: "transfer-encoding: chunked") + "5\r\nhello\r\nzz\r\n"
            )
            let malformed = try await broken.receive(within: 40) { $0.contains("\r\n\r\n") }.text
            #expect(malformed.hasPrefix("HTTP/1.1 400"), "\(malformed)")
            try await eventually { try await service.ledger.uploads().count == 4 }
            try await service.ledger.settle()
            #expect(try await service.ledger.uploads().allSatisfy { $0.hasSuffix("ABORTED") })
            #expect(try await service.send(.GET, "/api/v1/files").json["files"].items.isEmpty)
        }
    }

    @Test func bytesBeyondTheDeclaredLengthAreNoPartOfTheFile() async throws {
        try await ServiceUnderTest.run { service in
            let client = try service.connect()
            try await client.send(service.head("exact", length: "content-length: 5") + "helloGARBAGE\r\n\r\n")
            let answer = try await client.receive { $0.contains("\"version\":1}") }
            #expect(answer.text.hasPrefix("HTTP/1.1 201"))
            #expect(answer.text.contains("\"size\":5"))
            try await service.ledger.expectBytes(in: service.store)
        }
    }

    @Test func formsThatCannotBe() async throws {
        try await ServiceUnderTest.run { service in
            let empty = try await Form().field("a", "b").send(to: service)
            #expect(empty.status == 400)
            #expect(empty.code == "NO_FILE")
            let truncated = try await Form().file("t", "data").send(to: service, closing: "")
            #expect(truncated.status == 400)
            #expect(truncated.code == "BODY_TRUNCATED")
            let unnamed = try await Form().file("", "data").send(to: service)
            #expect(unnamed.code == "INVALID_FILE_NAME")
            let after = try await Form().file("whole", "data").send(
                to: service,
                closing: "--\(Form.boundary)garbage"
            )
            // Perhaps the file goes on after what looks like its end: it is not taken for whole.
            #expect(after.status == 400)
            #expect(after.code == "MALFORMED_MULTIPART")
            #expect(try await service.send(.GET, "/api/v1/files").json["files"].items.isEmpty)
            let zeros = String(repeating: "0", count: 64)
            let inHead = try await Form().file("head", "data").send(
                to: service,
                fields: [("x-content-sha256", zeros)]
            )
            #expect(inHead.code == "INVALID_DIGEST")
            let twice = try await Form().field("sha256", zeros).field("sha256", zeros).file("twice", "data")
                .send(to: service)
            #expect(twice.code == "INVALID_DIGEST")
            let last = try await Form().file("first", "data").field("sha256", zeros).send(to: service)
            #expect(last.json["items"].items.map { $0["status"].number } == [201, 400])
            let noHead = try await Form(text: "--\(Form.boundary)\r\n\r\nx").send(to: service)
            #expect(noHead.code == "MALFORMED_MULTIPART")
            try await service.ledger.settle()
        }
    }

    @Test func whatNeedsNoByteIsAnsweredBeforeTheFirstOne() async throws {
        try await ServiceUnderTest.run { service in
            try await service.upload("taken")
            for (name, token, status) in [
                ("taken", "wb_ann", 409), ("..", "wb_ann", 400), ("x", "nobody", 401),
            ] {
                let client = try service.connect()
                try await client.send(
                    """
                    POST /api/v1/files?name=\(name) HTTP/1.1\r\nhost: x\r\nauthorization: Bearer \(token)\r
                    expect: 100-continue\r\ncontent-length: 100000000\r\n\r\n
                    """
                )
                let answer = try await client.receive { $0.contains("\r\n\r\n") }
                #expect(answer.text.hasPrefix("HTTP/1.1 \(status)"), "\(answer.text)")
            }
        }
    }
}
