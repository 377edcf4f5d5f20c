import ServiceBootstrap
import TestSupport
import Testing

@Suite("I49 SIGTERM under load makes no answer false", .timeLimit(.minutes(3)))
struct ShutdownTests {
    @Test(arguments: [StackProgram.uploadService, .indexerService, .outboxRelay])
    func isStoppedAndStartedAgain(_ program: StackProgram) async throws {
        try await TestStack.with { stack in
            let time = SystemTime()
            let load = StackLoad(stack, clientCount: 6)
            try await load.run {
                for round in 1...2 {
                    try await load.passes(load.answerCount + 60)
                    // Bytes are under way while it stops: it waits for them.
                    let patient = round == 1 ? try await begunUpload(stack) : nil
                    let asked = time.uptime
                    async let exit = stack.stop(program)
                    if let patient {
                        try await eventually("the signal is noticed") { try await isClosing(program, stack) }
                        try await patient.send("56789")
                        let answer = try await patient.receive(within: 10) { $0.hasSuffix("}") }
                        #expect(answer.text.hasPrefix("HTTP/1.1 201"), "\(answer.text)")
                    }
                    #expect(try await exit == .exited(0))
                    #expect(time.uptime - asked <= .seconds(30))
                    let started = time.uptime
                    try await stack.start(program)
                    #expect(time.uptime - started <= .seconds(10))
                }
                try await load.passes(load.answerCount + 60)
            }
            #expect(load.findings == [])
            #expect(load.statuses.keys.allSatisfy { $0 < 500 || $0 == 503 }, "\(load.statuses)")
            try await stack.isSound()
        }
    }

    private func begunUpload(_ stack: TestStack) async throws -> RawConnection {
        let connection = try stack.connect()
        try await connection.send(stack.head(ofUpload: "patient", length: 10) + "01234")
        try await stack.uploadIsUnderWay("patient")
        return connection
    }

    /// Database, store and broker keep their connections and say nothing.
    @Test func nobodyAnswers() async throws {
        var settings = StackSettings()
        settings.hasDatabaseDoor = true
        try await TestStack.with(settings) { stack in
            let door = try #require(stack.databaseDoor)
            let time = SystemTime()
            let load = StackLoad(stack, clientCount: 4)
            try await load.run {
                try await load.passes(40)
                try stack.freeze(.devStore)
                try stack.freeze(.devBroker)
                door.block()
                let asked = time.uptime
                async let upload = stack.stop(.uploadService)
                async let indexer = stack.stop(.indexerService)
                async let relay = stack.stop(.outboxRelay)
                for (name, exit) in [
                    ("upload", try await upload), ("indexer", try await indexer), ("relay", try await relay),
                ] {
                    #expect(exit == .exited(0), "\(name)")
                }
                #expect(time.uptime - asked <= .seconds(30))
                door.open()
                try stack.thaw(.devStore)
                try stack.thaw(.devBroker)
                for program in [StackProgram.outboxRelay, .indexerService, .uploadService] {
                    try await stack.start(program)
                }
                try await load.passes(load.answerCount + 40)
            }
            #expect(load.findings == [])
            try await stack.isSound()
        }
    }

    /// Clients that read and write just fast enough to stay are not waited for longer than there is time.
    @Test func clientsHangOn() async throws {
        try await TestStack.with { stack in
            let time = SystemTime()
            let id = try await stack.store("large", Array(repeating: 1, count: 24 << 20))
            let reader = try stack.connect(receiveBufferBytes: 4_096)
            try await reader.send(
                "GET /api/v1/files/\(id)/content HTTP/1.1\r\nhost: x\r\nauthorization: Bearer \(stack.token)\r\n\r\n"
            )
            _ = try await reader.receive(within: 10) { $0.contains("\r\n\r\n") }
            let writer = try stack.connect()
            try await writer.send(stack.head(ofUpload: "crawled", length: 1_000_000) + "0")
            try await stack.uploadIsUnderWay("crawled")
            let crawl = Task {
                while !Task.isCancelled {
                    try await writer.send("1")
                    _ = try await writer.receiveNothing(forMilliseconds: 500)
                    _ = try await reader.receive(within: 1) { $0.utf8.count > 1_000 }
                }
            }
            defer { crawl.cancel() }
            let asked = time.uptime
            #expect(try await stack.stop(.uploadService) == .exited(0))
            #expect(time.uptime - asked <= .seconds(30))
            try await stack.start(.uploadService)
            try await stack.isSound()
            #expect(try await stack.keys().count == 1)
        }
    }

    /// No new connection is taken.
    private func isClosing(_ program: StackProgram, _ stack: TestStack) async throws -> Bool {
        do { _ = try RawConnection(port: try stack.port(of: program)) } catch { return true }
        return false
    }
}
