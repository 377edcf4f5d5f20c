import HTTPServing
import TestSupport
import Testing

@Suite("A body is invited only when it is wanted, and never taken for a request")
struct ContinueTests {
    @Test func invitesWhenTheHandlerReads() async throws {
        try await TestServer.run { server in
            let connection = try server.connect()
            for _ in 0..<2 {
                try await connection.send(
                    "POST /count HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\n"
                )
                let interim = try await connection.receive { $0.hasSuffix("\r\n\r\n") }
                #expect(interim.text.hasPrefix("HTTP/1.1 100 Continue\r\n"))
                try await connection.send("12345")
                let answer = try await connection.receive { $0.hasSuffix("\r\n\r\n5") }
                #expect(answer.text.hasPrefix("HTTP/1.1 200 ") && !answer.isClosed)
            }
        }
    }

    @Test func refusesBeforeAnyByte() async throws {
        try await TestServer.run { server in
            let connection = try server.connect()
            try await connection.send(
                "POST /refuse HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 1000000\r\n\r\n"
            )
            let answer = try await connection.receive()
            #expect(answer.text.hasPrefix("HTTP/1.1 409 ") && answer.isClosed)
            #expect(answer.text.contains("Connection: close\r\n") && !answer.text.contains(" 100 "))
        }
    }

    @Test func theBodyOfARefusedRequestIsNoRequest() async throws {
        try await TestServer.run { server in
            let body = "GET /hello/smuggled HTTP/1.1\r\nHost: x\r\n\r\n"
            let connection = try server.connect()
            // Refused while expecting: the client sends its body all the same.
            try await connection.send(
                "POST /refuse HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: \(body.utf8.count)\r\n\r\n\(body)"
            )
            connection.finishSending()
            let answer = try await connection.receive()
            #expect(answer.text.hasPrefix("HTTP/1.1 409 ") && !answer.text.contains("smuggled"))
        }
    }

    @Test func aShortUnreadBodyKeepsTheConnection() async throws {
        try await TestServer.run { server in
            let body = "GET /hello/smuggled HTTP/1.1\r\nHost: x\r\n\r\n"
            let connection = try server.connect()
            let refused = "POST /refuse HTTP/1.1\r\nHost: x\r\nContent-Length: \(body.utf8.count)\r\n\r\n"
            try await connection.send(refused)
            let first = try await connection.receive { $0.hasSuffix("}") }
            #expect(first.text.hasPrefix("HTTP/1.1 409 ") && !first.text.contains("Connection: close"))
            // The body comes after its answer; then the next request, pipelined behind it.
            try await connection.send(body + "GET /hello/next HTTP/1.1\r\nHost: x\r\n\r\n")
            let second = try await connection.receive { $0.hasSuffix("hello next") }
            #expect(second.text.hasPrefix("HTTP/1.1 200 ") && !second.text.contains("smuggled"))
            let chunked =
                "POST /first-chunk HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n"
            try await connection.send(chunked)
            let third = try await connection.receive { $0.utf8.last == UInt8(ascii: "3") }
            #expect(third.text.hasPrefix("HTTP/1.1 200 "))
            try await connection.send("5\r\nhello\r\n0\r\n\r\nGET /hello/last HTTP/1.1\r\nHost: x\r\n\r\n")
            #expect(
                try await connection.receive { $0.hasSuffix("hello last") }.text.hasPrefix("HTTP/1.1 200 ")
            )
        }
    }

    @Test func aLongBodyUnderWayStillGetsItsAnswer() async throws {
        try await TestServer.run { server in
            let connection = try server.connect()
            let chunk = [UInt8](repeating: 0x78, count: 1 << 20)
            try await connection.send(
                "POST /refuse HTTP/1.1\r\nHost: x\r\nContent-Length: \(8 << 20)\r\n\r\n"
            )
            // A client that sends everything before it listens.
            for _ in 0..<8 { try await connection.send(chunk) }
            let answer = try await connection.receive()
            #expect(answer.text.hasPrefix("HTTP/1.1 409 ") && answer.isClosed)
            #expect(answer.text.contains("Connection: close\r\n"))
        }
    }

    @Test func aReaderLeftBehindDoesNotReachTheNextRequest() async throws {
        try await TestServer.run { server in
            let connection = try server.connect()
            try await connection.send(
                "POST /left-behind HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\n12345"
            )
            #expect(try await connection.receive { $0.hasSuffix("done") }.text.hasPrefix("HTTP/1.1 200 "))
            try await connection.send("67890POST /count HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\nabc")
            connection.finishSending()
            let next = try await connection.receive()
            #expect(next.text.hasPrefix("HTTP/1.1 200 ") && next.text.hasSuffix("\r\n\r\n3"), "\(next)")
        }
    }

    @Test func pipelinedRequestsAreAnsweredInOrder() async throws {
        try await TestServer.run { server in
            let connection = try server.connect()
            let requests = (0..<50).map { "GET /hello/\($0)! HTTP/1.1\r\nHost: x\r\n\r\n" }.joined()
            try await connection.send(requests)
            let answer = try await connection.receive { $0.hasSuffix("hello 49!") }
            let names = answer.text.split(separator: "\r\n").compactMap { line in
                line.contains("hello ") ? line.split(separator: " ")[1].prefix { $0 != "!" } : nil
            }
            #expect(names == (0..<50).map { "\($0)" })
        }
    }
}
