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
            // Bytes are under way while it stops: it waits for them.
            let patient = try stack.connect()
            try await patient.send(stack.head(ofUpload: "patient", length: 10) + "01234")
            try await stack.uploadIsUnderWay("patient")
            try await load.run {
                for round in 1...2 {
                    try await load.passes(load.answerCount + 60)
                    let asked = time.uptime
                    async let exit = stack.stop(program)
                    if round == 1 {
                        try await eventually("the signal is noticed") { try await isClosing(program, stack) }
                        try await patient.send("56789")
                    }
                    #expect(try await exit == .exited(0))
                    #expect(time.uptime - asked <= .seconds(30))
                    let started = time.uptime
                    try await stack.start(program)
                    #expect(time.uptime - started <= .seconds(10))
                }
                try await load.passes(load.answerCount + 60)
            }
            let answer = try await patient.receive(within: 10) { $0.hasSuffix("}") }
            #expect(answer.text.hasPrefix("HTTP/1.1 201"), "\(answer.text)")
            #expect(load.findings == [])
            #expect(load.statuses.keys.allSatisfy { $0 < 500 || $0 == 503 }, "\(load.statuses)")
            try await stack.isSound()
        }
    }

    /// No new connection is taken.
    private func isClosing(_ program: StackProgram, _ stack: TestStack) async throws -> Bool {
        do { _ = try RawConnection(port: try stack.port(of: program)) } catch { return true }
        return false
    }
}
