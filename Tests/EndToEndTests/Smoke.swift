import TestSupport
import Testing

@Suite("Smoke")
struct SmokeTests {
    @Test func `one file comes in, is found, goes, and is gone`() async throws {
        try await TestStack.with { stack in
            let id = try await stack.store("note.txt", "the quick brown zebra")
            try await stack.searchFinds("zebra", [id])
            let back = try await stack.content(id)
            #expect(back.text == "the quick brown zebra")
            #expect(try await stack.delete(id, purge: true).status == 200)
            #expect(try await stack.violations() == [])
            print(try await stack.records().map { "\($0.type) \($0.id) \($0.partition)@\($0.offset)" })
        }
    }
}
