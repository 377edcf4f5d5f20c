import TestSupport
import Testing

@Suite("I2 I13 I16 PostgreSQL crashes under load and comes back", .timeLimit(.minutes(3)))
struct DatabaseCrashTests {
    /// Under a crash the server forgets what it had not flushed; under a polite stop it waits for what is under way.
    @Test func crashesAndStops() async throws {
        try await ThrowawayCluster.with { cluster in
            var settings = StackSettings()
            settings.databaseServer = cluster.url
            try await TestStack.with(settings) { stack in
                let load = StackLoad(stack, clientCount: 5, seed: 7)
                try await load.run {
                    for mode in ["immediate", "fast", "immediate"] {
                        try await load.passes(load.answerCount + 50)
                        try await cluster.stop(mode)
                        try await load.passes(load.answerCount + 5)
                        try await cluster.start()
                        for program in [StackProgram.uploadService, .indexerService, .outboxRelay] {
                            try await eventually(within: .seconds(30), "\(program) is ready again") {
                                try await stack.isReady(program)
                            }
                        }
                    }
                    try await load.passes(load.answerCount + 50)
                }
                #expect(load.findings == [])
                #expect(load.statuses.keys.allSatisfy { $0 < 500 || $0 == 503 }, "\(load.statuses)")
                try await stack.isSound()
            }
        }
    }
}
