import PostgresClient
import TestSupport
import Testing

@Suite(
    "I43 what is in the trash comes back bit for bit; what is being purged does not",
    .timeLimit(.minutes(1))
)
struct TrashTests {
    @Test func restoredAndPurged() async throws {
        try await TestStack.with { stack in
            var generator = SeededGenerator(seed: 43)
            let bytes = generator.bytes(count: 100_000)
            let id = try await stack.store("bits", bytes, contentType: "application/octet-stream")
            try await stack.delete(id)
            try await stack.becomesQuiet()
            #expect(try await stack.content(id).status == 404)
            for program in [StackProgram.uploadService, .devStore] {
                try await stack.stop(program)
                try await stack.start(program)
            }
            #expect(try await stack.restore(id).status == 200)
            #expect(try await stack.content(id).body == bytes)
            // Its bytes cannot go, so it stays PURGING for as long as the test likes.
            try await stack.stop(.indexerService)
            #expect(try await stack.delete(id, purge: true).status == 200)
            try await eventually("the point of no return is passed") {
                try await stack.uploadDatabase.query("SELECT 1 FROM files WHERE state = 'PURGING'").count == 1
            }
            #expect(try await stack.restore(id).status == 410)
            try await stack.start(.indexerService)
            try await stack.becomesQuiet()
            #expect(try await stack.restore(id).status == 410)
            try await stack.isSound()
        }
    }
}
