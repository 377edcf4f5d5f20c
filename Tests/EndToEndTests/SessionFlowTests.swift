import Digests
import Foundation
import TestSupport
import Testing

@Suite("I4 what a session leaves behind goes, and what it made stays", .timeLimit(.minutes(2)))
struct SessionFlowTests {
    @Test func bytesNobodyHashedAreReadBackAndFound() async throws {
        try await TestStack.with { stack in
            let text = Array("A narwhal came straight to the store.".utf8)
            let id = UUID().uuidString
            let completed = try await stack.uploadBySession("narwhal.txt", text, id: id, isDirect: true)
            #expect(completed.status == 200, "\(completed.text)")
            let file = try #require(completed.string("file_id"))
            try await stack.searchFinds("narwhal", [file])
            try await eventually("the computed digest is told") {
                try await stack.facts(file).string("sha256") == Digest256.of(text).hex
            }
            #expect(try await stack.facts(file).string("index_state") == "INDEXED")
            #expect(try await stack.uploadBySession("narwhal.txt", text, id: id).text == completed.text)
            try await stack.isSound()
        }
    }

    @Test func bytesThatAreNotTheDeclaredOnesAreQuarantined() async throws {
        try await TestStack.with { stack in
            let id = UUID().uuidString
            let completed = try await stack.uploadBySession(
                "false.txt",
                Array("Not what was promised.".utf8),
                id: id,
                isDirect: true,
                sha256: String(repeating: "0", count: 64),
                isRemembered: false
            )
            #expect(completed.status == 200, "\(completed.text)")
            let file = try #require(completed.string("file_id"))
            try await eventually("it is quarantined") {
                try await stack.facts(file).string("state") == "QUARANTINED"
            }
            #expect(try await stack.content(file).status == 409)
        }
    }

    /// It began before the session was given up, and its last bytes come when nothing is left.
    @Test func aSlowPartThatEndsAfterEverythingIsGoneLeavesNothing() async throws {
        try await TestStack.with { stack in
            let id = UUID().uuidString
            let opened = try await stack.openSession("slow", size: 3, id: id)
            let urls = try #require(opened.json["urls"] as? [[String: Any]])
            let text = try #require(urls.first?["url"] as? String)
            let url = try #require(URL(string: text))
            let slow = try RawConnection(port: try #require(url.port))
            let path = try #require(text.firstRange(of: url.path))
            let target = text[path.lowerBound...]
            try await slow.send(
                "PUT \(target) HTTP/1.1\r\nhost: 127.0.0.1:\(url.port ?? 0)\r\ncontent-length: 3\r\n\r\nab"
            )
            #expect(try await stack.abortSession(id).status == 200)
            try await eventually(within: .seconds(40), "it is reaped") {
                try await stack.send("GET", .uploadService, "/api/v1/uploads/\(id)").string("state")
                    == "REAPED"
            }
            try await slow.send("c")
            let answer = try await slow.receive { $0.contains("\r\n\r\n") }
            #expect(answer.text.hasPrefix("HTTP/1.1 4"), "\(answer.text)")
            try await stack.isSound()
            #expect(try await stack.objects().isEmpty)
        }
    }
}
