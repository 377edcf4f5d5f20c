import Glibc
import PostgresClient
import TestSupport
import Testing

/// Two copies of each service; one is taken for dead and comes back.
@Suite("I15 I16 I33 who was taken for dead and comes back changes nothing", .timeLimit(.minutes(3)))
struct TwinTests {
    @Test func relays() async throws {
        try await TestStack.with { stack in
            let twin = try await stack.startTwin(of: .outboxRelay)
            let load = StackLoad(stack, clientCount: 4, seed: 11)
            try await load.run {
                for program in [try stack.program(.outboxRelay), twin] {
                    let epochs = try await leaderships(stack)
                    program.signal(SIGSTOP)
                    // Whoever leads nothing is not missed.
                    try? await eventually(within: .seconds(4), "the other leads") {
                        try await leaderships(stack) != epochs
                    }
                    try await load.passes(load.answerCount + 40)
                    program.signal(SIGCONT)
                    try await load.passes(load.answerCount + 40)
                }
            }
            #expect(load.findings == [])
            #expect(try await leaderships(stack).allSatisfy { $0 > 1 })
            try await stack.isSound()
        }
    }

    private func leaderships(_ stack: TestStack) async throws -> [Int64] {
        let epoch: Statement = "SELECT epoch FROM leases WHERE name = 'outbox-relay'"
        return try await [stack.uploadDatabase, stack.indexerDatabase].asyncMap { pool in
            try await pool.query(epoch).first?.int64(0) ?? 0
        }
    }

    @Test func indexers() async throws {
        try await TestStack.with { stack in
            let twin = try await stack.startTwin(of: .indexerService)
            let load = StackLoad(stack, clientCount: 4, seed: 12)
            try await load.run {
                for program in [try stack.program(.indexerService), twin] {
                    try await load.passes(load.answerCount + 40)
                    program.signal(SIGSTOP)
                    // Long enough for its partitions to be given away, and for locks it holds to be let go: what comes now is
                    // indexed by the other.
                    let id = try await stack.store("while \(program.processID) is away", "Nobody is missed.")
                    try await eventually(within: .seconds(40), "the other takes over") {
                        try await stack.facts(id).string("index_state") == "INDEXED"
                    }
                    program.signal(SIGCONT)
                }
                try await load.passes(load.answerCount + 40)
            }
            #expect(load.findings == [])
            try await stack.isSound()
        }
    }

    /// An upload is taken from a process that sleeps, and discarded; when it wakes, it says so.
    @Test func uploadServices() async throws {
        var settings = StackSettings()
        // Not the client's silence is to end it.
        settings.stallSeconds = 60
        try await TestStack.with(settings) { stack in
            let twin = try await stack.startTwin(of: .uploadService)
            let client = try stack.connect()
            try await client.send(stack.head(ofUpload: "taken", length: 10) + "01234")
            try await stack.uploadIsUnderWay("taken")
            try stack.freeze(.uploadService)
            try await eventually(within: .seconds(40), "the upload is discarded and its bytes are gone") {
                try await stack.uploadDatabase.query("SELECT 1 FROM uploads WHERE state = 'REAPED'").count
                    == 1
            }
            try stack.thaw(.uploadService)
            let answer = try await client.receive(within: 20) { $0.hasSuffix("}") }
            #expect(answer.text.hasPrefix("HTTP/1.1 503"), "\(answer.text)")
            #expect(answer.text.contains("Nothing was kept"), "\(answer.text)")
            #expect(try await stack.upload("taken", Array("0123456789".utf8)).status == 201)
            #expect(twin.ended == nil)
            try await stack.isSound()
        }
    }

    /// What the sleeper still sends when it wakes lands after its uploads were discarded and their bytes removed: the second
    /// look finds it. That comes later than any such write, as long as nobody sleeps longer than `lateSeconds`.
    @Test func writesOfASleeper() async throws {
        var settings = StackSettings()
        settings.lateSeconds = 10
        try await TestStack.with(settings) { stack in
            let twin = try await stack.startTwin(of: .uploadService)
            let load = StackLoad(stack, clientCount: 6, seed: 13)
            try await load.run {
                for _ in 1...2 {
                    try await load.passes(load.answerCount + 60)
                    try stack.freeze(.uploadService)
                    try await eventually(within: .seconds(60), "its uploads are discarded") {
                        try await stack.uploadDatabase.query(
                            "SELECT 1 FROM uploads WHERE state IN ('PENDING', 'ACTIVE', 'COMPLETING')"
                        ).isEmpty
                    }
                    try stack.thaw(.uploadService)
                }
                try await load.passes(load.answerCount + 60)
            }
            #expect(load.findings == [])
            #expect(twin.ended == nil)
            try await stack.isSound()
        }
    }
}

extension Sequence {
    fileprivate func asyncMap<Value>(_ transform: (Element) async throws -> Value) async rethrows -> [Value] {
        var values: [Value] = []
        for element in self { values.append(try await transform(element)) }
        return values
    }
}
