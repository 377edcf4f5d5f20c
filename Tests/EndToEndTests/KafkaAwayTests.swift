import TestSupport
import Testing

@Suite(
    "I13 I15 I19 files come and go without Kafka, and everything arrives afterwards",
    .timeLimit(.minutes(3))
)
struct KafkaAwayTests {
    @Test func theBrokerStopsAnswering() async throws {
        try await TestStack.with { stack in
            let first = try await stack.store("first.txt", "A quokka was here first.")
            try await stack.searchFinds("quokka", [first])
            try stack.freeze(.devBroker)
            let found = try await work(stack)
            #expect(try await stack.delete(first).status == 200)
            // Longer than the group waits for its members.
            try await tellsTheAge(stack, atLeast: 8)
            try stack.thaw(.devBroker)
            try await everythingArrives(stack, found)
            #expect(try await stack.search("quokka") == [])
        }
    }

    /// No service is restarted by anybody; but one that is still starts.
    @Test func theBrokerComesLast() async throws {
        try await TestStack.with { stack in
            try await stack.kill(.devBroker)
            let found = try await work(stack)
            try await tellsTheAge(stack)
            try await stack.stop(.uploadService)
            try await stack.start(.uploadService)
            let late = try await stack.store("late.txt", "The last numbat.")
            try await stack.start(.devBroker)
            try await everythingArrives(stack, found.union([late]))
        }
    }

    /// Uploads, deletes, restores and purges, each answered with 2xx.
    ///
    /// - Returns: the files that stay, each of which holds the word `numbat`.
    private func work(_ stack: TestStack) async throws -> Set<String> {
        try await withThrowingTaskGroup(of: String?.self) { group in
            for number in 0..<24 {
                group.addTask {
                    let id = try await stack.store("file \(number)", "The \(number). numbat eats termites.")
                    if number % 4 > 0 { #expect(try await stack.delete(id).status == 200) }
                    if number % 4 > 1 { #expect(try await stack.restore(id).status == 200) }
                    if number % 4 > 2 { #expect(try await stack.delete(id, purge: true).status == 200) }
                    return number % 4 == 0 || number % 4 == 2 ? id : nil
                }
            }
            return try await group.reduce(into: []) { if let id = $1 { $0.insert(id) } }
        }
    }

    private static let age = "waybill_outbox_age_seconds"

    /// The age of the oldest event that waits is told and rises, and nothing else is wrong.
    private func tellsTheAge(_ stack: TestStack, atLeast leastAge: Double = 0) async throws {
        for (series, program) in [
            (Self.age, StackProgram.uploadService), (Self.age + #"{outbox="upload"}"#, .outboxRelay),
        ] {
            let before = try #require(try await stack.metric(series, of: program))
            try await eventually("the age rises") {
                try await stack.metric(series, of: program) ?? 0 >= max(before + 1, leastAge)
            }
        }
        for program in [StackProgram.uploadService, .indexerService, .outboxRelay] {
            #expect(try await stack.isReady(program))
            #expect(try await stack.isLive(program))
        }
    }

    private func everythingArrives(_ stack: TestStack, _ found: Set<String>) async throws {
        try await stack.isSound()
        try await stack.searchFinds("numbat", found)
        #expect(try await stack.metric(Self.age, of: .uploadService) == 0)
        #expect(try await stack.metric(Self.age + #"{outbox="upload"}"#, of: .outboxRelay) == 0)
    }
}
