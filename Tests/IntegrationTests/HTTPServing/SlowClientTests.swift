import HTTPServing
import ServiceLifecycle
import Synchronization
import TestSupport
import Testing

@Suite("Slow and dead clients cost a bounded time")
struct SlowClientTests {
    private func limits(_ change: (inout ConnectionLimits) -> Void) -> ConnectionLimits {
        var limits = ConnectionLimits()
        change(&limits)
        return limits
    }

    @Test func aStalledBodyAnswers408() async throws {
        try await TestServer.run(limits { $0.bodyStallTimeout = .milliseconds(300) }) { server in
            let connection = try server.connect()
            try await connection.send("POST /count HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\n12345")
            let answer = try await connection.receive()
            #expect(answer.text.hasPrefix("HTTP/1.1 408 ") && answer.isClosed)
            #expect(
                answer.text.contains("Connection: close\r\n") && answer.text.contains("\"retryable\":true")
            )
            #expect(server.witness.bodyErrors == ["stalled"])
        }
    }

    @Test func aSlowButSteadyBodyIsServed() async throws {
        // Each byte in time, all of them together not.
        try await TestServer.run(limits { $0.bodyStallTimeout = .seconds(3) }) { server in
            let connection = try server.connect()
            try await connection.send("POST /count HTTP/1.1\r\nHost: x\r\nContent-Length: 12\r\n\r\n")
            for count in 1...12 {
                try await connection.send("x")
                try await until { server.witness.byteCount >= count }
                _ = try? await connection.receiveNothing(forMilliseconds: 300)
            }
            #expect(
                try await connection.receive { $0.hasSuffix("\r\n\r\n12") }.text.hasPrefix("HTTP/1.1 200 ")
            )
        }
    }

    @Test func aStalledExpectationIsNotHeldAgainstTheClient() async throws {
        try await TestServer.run(limits { $0.bodyStallTimeout = .milliseconds(200) }) { server in
            let connection = try server.connect()
            try await connection.send(
                "POST /count HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n"
            )
            #expect(try await connection.receive { $0.hasSuffix("\r\n\r\n") }.text.contains(" 100 "))
            // From the invitation on, the clock runs.
            #expect(try await connection.receive().text.hasPrefix("HTTP/1.1 408 "))
        }
    }

    @Test func anUnfinishedHeadAnswers408() async throws {
        try await TestServer.run(limits { $0.headerTimeout = .seconds(1) }) { server in
            let connection = try server.connect()
            try await connection.send("GET /hello/x HTTP/1.1\r\nHo")
            let answer = try await connection.receive()
            #expect(answer.text.hasPrefix("HTTP/1.1 408 ") && answer.isClosed)
            // One that says nothing at all is just closed.
            let silent = try server.connect()
            let nothing = try await silent.receive()
            #expect(nothing.text.isEmpty && nothing.isClosed)
        }
    }

    @Test func anIdleConnectionEnds() async throws {
        try await TestServer.run(limits { $0.idleTimeout = .milliseconds(300) }) { server in
            let connection = try server.connect()
            try await connection.send("GET /hello/x HTTP/1.1\r\nHost: x\r\n\r\n")
            let answer = try await connection.receive()
            #expect(answer.text.hasSuffix("hello x") && answer.isClosed)
        }
    }

    /// The response is long over for its handler, and its client is still taking it.
    @Test func aConnectionIsNotIdleWhileItsResponseIsTaken() async throws {
        try await TestServer.run(limits { $0.idleTimeout = .milliseconds(100) }) { server in
            let connection = try server.connect(receiveBufferBytes: 4_096)
            try await connection.send("GET /large HTTP/1.1\r\nHost: x\r\n\r\n")
            let other = try server.connect()
            #expect(try await other.receiveNothing(forMilliseconds: 500))
            #expect(try await connection.countToEnd() > 8 << 20)
        }
    }

    @Test func aClientThatDoesNotReadIsCutOff() async throws {
        try await TestServer.run(limits { $0.writeStallTimeout = .milliseconds(400) }) { server in
            let connection = try server.connect(receiveBufferBytes: 4_096)
            try await connection.send("GET /endless HTTP/1.1\r\nHost: x\r\n\r\n")
            // The signal: the handler's write fails.
            try await until { !server.witness.bodyErrors.isEmpty }
            #expect(server.witness.bodyErrors.count == 1)
            withExtendedLifetime(connection) {}
        }
    }

    @Test func aBodyCutShortIsNoBody() async throws {
        try await TestServer.run { server in
            let halfClosed = try server.connect()
            try await halfClosed.send("POST /count HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\n12345")
            halfClosed.finishSending()
            let answer = try await halfClosed.receive()
            #expect(answer.text.hasPrefix("HTTP/1.1 400 ") && answer.text.contains("BODY_TRUNCATED"))

            let dead = try server.connect()
            try await dead.send(
                "POST /count HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n12345\r\n"
            )
            try await until { server.witness.byteCount >= 10 }
            dead.reset()
            try await until { server.witness.bodyErrors.count >= 2 }
            #expect(server.witness.bodyErrors == ["disconnected", "disconnected"])

            let broken = try server.connect()
            try await broken.send(
                "POST /count HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n12345\r\nzz\r\n"
            )
            #expect(try await broken.receive().text.contains("MALFORMED_BODY"))
        }
    }

    /// In one piece, and more than the systems on both ends take at once.
    @Test(arguments: [
        "GET /large HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n",
        "GET /large HTTP/1.0\r\n\r\n",
        "GET /large HTTP/1.1\r\nHost: x\r\n\r\n",
    ])
    func theEndOfALastResponseIsNotLost(_ request: String) async throws {
        try await TestServer.run { server in
            let connection = try server.connect(receiveBufferBytes: 4_096)
            try await connection.send(request)
            // Who says no more ends the connection too.
            if !request.contains("close"), !request.contains("1.0") { connection.finishSending() }
            #expect(try await connection.countToEnd() > 8 << 20)
        }
    }

    @Test func aBodyShorterThanPromisedEndsTheConnection() async throws {
        try await TestServer.run { server in
            let connection = try server.connect()
            try await connection.send("GET /short HTTP/1.1\r\nHost: x\r\n\r\n")
            let answer = try await connection.receive()
            #expect(answer.isClosed && answer.text.hasSuffix("12345"))
        }
    }

    @Test func anUnreadBodyWaitsInTheClient() async throws {
        try await TestServer.run { server in
            // Nobody reads: the client's send must block long before 64 MiB are in our memory.
            let connection = try server.connect()
            try await connection.send("GET /wait HTTP/1.1\r\nHost: x\r\nContent-Length: \(64 << 20)\r\n\r\n")
            let sent = Atomic(0)
            let sending = Task {
                for _ in 0..<1_024 {
                    try await connection.send([UInt8](repeating: 0x78, count: 65_536))
                    sent.wrappingAdd(65_536, ordering: .relaxed)
                }
            }
            _ = try await server.connect().receiveNothing(forMilliseconds: 500)
            #expect(sent.load(ordering: .relaxed) < 32 << 20)
            connection.reset()
            _ = await sending.result
        }
    }
}

@Suite("An address that cannot be had")
struct AddressTests {
    @Test func isToldPlainly() async throws {
        try await TestServer.run { first in
            let failure = await #expect(throws: CannotListen.self) {
                try await TestServer.run(port: first.port) { _ in }
            }
            let address = "127.0.0.1:\(first.port)"
            #expect(failure?.description == "cannot listen on \(address): Address already in use")
        }
    }
}

@Suite("I49 shutdown finishes what was accepted")
struct DrainTests {
    @Test func finishesRequestsAndClosesIdleConnections() async throws {
        try await TestServer.run { server in
            let (busy, idle) = (try server.connect(), try server.connect())
            try await idle.send("GET /hello/x HTTP/1.1\r\nHost: x\r\n\r\n")
            _ = try await idle.receive { $0.hasSuffix("hello x") }
            try await busy.send("POST /count HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\n12345")
            try await until { server.witness.byteCount >= 5 }
            await server.group.triggerGracefulShutdown()
            let end = try await idle.receive()
            #expect(end.text.isEmpty && end.isClosed)
            #expect(throws: RawConnection.Failed.self) { try server.connect() }
            try await busy.send("67890")
            let answer = try await busy.receive()
            #expect(answer.text.hasPrefix("HTTP/1.1 200 ") && answer.text.hasSuffix("\r\n\r\n10"))
            #expect(answer.text.contains("Connection: close\r\n") && answer.isClosed)
        }
    }
}
