import Foundation
import TestSupport
import Testing

@Suite(
    "I7 bytes that were acknowledged never change, and when the store changes them nobody gets them",
    .timeLimit(.minutes(2))
)
struct DamagedBytesTests {
    /// Whatever is asked of the services about a name or a file, an object is written once.
    @Test func nothingWritesToAKeyASecondTime() async throws {
        try await TestStack.with { stack in
            let first = try await stack.store("name", "The first one.")
            try await stack.becomesQuiet()
            var known = try await stack.objects()
            func staysAsItWas() async throws {
                let now = try await stack.objects()
                for object in known { #expect(now.contains(object), "\(object) was \(now)") }
                known = now
            }
            #expect(try await stack.upload("name", Array("Another one.".utf8)).status == 409)
            for method in ["PUT", "PATCH", "POST"] {
                let answer = try await stack.send(
                    method,
                    .uploadService,
                    "/api/v1/files/\(first)/content",
                    fields: ["content-type": "text/plain"],
                    body: Array("Another one.".utf8)
                )
                #expect(answer.status == 405, "\(method): \(answer.text)")
            }
            try await stack.delete(first)
            let second = try await stack.store("name", "The second one.")
            try await staysAsItWas()
            try await stack.delete(second)
            try await stack.restore(first)
            // A PUT whose answer is lost is looked up, not repeated.
            try await stack.addFaults(#"[{"method":"PUT","action":"dropAfter","count":1}]"#)
            _ = try await stack.store("lost", "The third one.")
            try await stack.stop(.uploadService)
            try await stack.start(.uploadService)
            try await stack.becomesQuiet()
            try await staysAsItWas()
            #expect(try await stack.content(first).text == "The first one.")
            try await stack.isSound()
            let writes = try await stack.storeRequests().filter {
                $0.method == "PUT" && $0.key?.hasPrefix("acme/") == true
            }
            #expect(writes.count == 3)
            #expect(Set(writes.map(\.key)).count == 3)
        }
    }

    @Test func whatTheStoreDamagedIsQuarantined() async throws {
        try await TestStack.with { stack in
            let sound = try await stack.store("sound.txt", "A dugong grazes.")
            try await stack.searchFinds("dugong", [sound])
            // Damaged after it was acknowledged and before it is verified.
            try await stack.stop(.indexerService)
            let bytes = Array("A dugong that rots on the disk.".utf8)
            let id = try await stack.store("rotten.txt", bytes)
            try stack.turnBit(ofObject: bytes)
            try await stack.start(.indexerService)
            try await eventually("it is in quarantine") {
                try await stack.facts(id).string("state") == "QUARANTINED"
            }
            let content = try await stack.content(id)
            #expect(content.status == 409)
            #expect(content.string("errorCode") == "FILE_QUARANTINED")
            try await stack.becomesQuiet()
            #expect(try await stack.search("dugong") == [sound])
            let types = try await stack.records().filter { $0.key == id }.map(\.type)
            #expect(types == ["file.stored", "file.quarantined"])
            let verdict = try await stack.records(of: TestStack.indexTopic).filter { $0.key == id }.map(
                \.type
            )
            #expect(verdict == ["file.rejected"])
            // Its row still says what was promised; nothing else is out of order.
            try await stack.isSound(except: ["I2"])
            // It can go, and not come back.
            #expect(try await stack.delete(id).status == 200)
            #expect(try await stack.restore(id).status == 409)
            #expect(try await stack.delete(id, purge: true).status == 200)
            try await stack.isSound()
            #expect(try await stack.keys().count == 1)
        }
    }
}
