import HTTPServing
import ServiceBootstrap
import TestSupport
import Testing

@Suite("Requests are answered in one form")
struct RequestTests {
    private func exchange(_ server: TestServer, _ request: String) async throws -> String {
        let connection = try server.connect()
        try await connection.send(request)
        connection.finishSending()
        return try await connection.receive().text
    }

    private func get(_ server: TestServer, _ path: String, _ fields: String = "") async throws -> String {
        try await exchange(server, "GET \(path) HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\(fields)\r\n")
    }

    @Test func answersAndCarriesTheRequestID() async throws {
        try await TestServer.run { server in
            let answer = try await get(server, "/hello/world?sig=canary", "X-Request-Id: abc-1\r\n")
            #expect(answer.hasPrefix("HTTP/1.1 200 OK\r\n") && answer.hasSuffix("\r\n\r\nhello world"))
            #expect(answer.contains("X-Request-Id: abc-1\r\n") && answer.contains("Date: "))
            let strange = try await get(server, "/hello/world", "X-Request-Id: a b\u{1B}c\r\n")
            #expect(!strange.contains("a b"))
            let line = try await server.witness.line(with: "request_id=abc-1")
            #expect(
                line.contains("route=/hello/{name}") && line.contains("status=200")
                    && line.contains("bytes_out=11")
            )
            #expect(!server.witness.lines.joined().contains("canary"))
        }
    }

    @Test func belongsToTheClientsTraceOrToANewOne() async throws {
        try await TestServer.run { server in
            let trace = "4bf92f3577b34da6a3ce929d0e0e4736"
            let given = "00-\(trace)-00f067aa0ba902b7-01"
            func asked(_ fields: String) async throws -> String {
                let answer = try await get(server, "/nothing", fields)
                #expect(answer.hasPrefix("HTTP/1.1 404 "))
                return try String(#require(answer.firstMatch(of: /"trace_id":"([0-9a-f]{32})"/)?.1))
            }
            #expect(try await asked("traceparent: \(given)\r\n") == trace)
            _ = try await server.witness.line(with: "trace_id=\(trace)")
            var others: Set<String> = []
            for fields in [
                "", "traceparent: nonsense\r\n", "traceparent: \(given.uppercased())\r\n", "traceparent:\r\n",
                "traceparent: \(given)\r\ntraceparent: \(given)\r\n",
            ] { others.insert(try await asked(fields)) }
            #expect(others.count == 5 && !others.contains(trace))
        }
    }

    @Test func rendersProblems() async throws {
        try await TestServer.run { server in
            let missing = try await get(server, "/nothing/here?secret=1")
            #expect(missing.hasPrefix("HTTP/1.1 404 ") && missing.contains("application/problem+json"))
            for member in [
                "\"type\":\"urn:waybill:problem:not-found\"", "\"title\":\"Not Found\"", "\"status\":404",
                "\"instance\":",
                "\"timestamp\":", "\"errorCode\":\"NOT_FOUND\"", "\"message\":", "\"path\":\"/nothing/here\"",
                "\"retryable\":false", "\"trace_id\":", "\"detail\":",
            ] { #expect(missing.contains(member), "\(member)") }
            let wrong = try await exchange(
                server,
                "PUT /hello/x HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
            )
            #expect(wrong.hasPrefix("HTTP/1.1 405 ") && wrong.contains("Allow: GET, HEAD\r\n"))
            let refused = try await exchange(
                server,
                "POST /refuse HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"
            )
            #expect(refused.hasPrefix("HTTP/1.1 409 ") && refused.contains("Retry-After: 7\r\n"))
            let boom = try await get(server, "/boom", "X-Request-Id: boom-1\r\n")
            #expect(boom.hasPrefix("HTTP/1.1 500 ") && boom.contains("\"errorCode\":\"INTERNAL\""))
            #expect(!boom.contains("Unreachable"))
            #expect(
                server.witness.lines.contains {
                    $0.contains("Unreachable") && $0.contains("request_id=boom-1")
                }
            )
        }
    }

    @Test func knowsItsCallers() async throws {
        try await TestServer.run { server in
            let none = try await get(server, "/private/whoami")
            #expect(
                none.hasPrefix("HTTP/1.1 401 ")
                    && none.contains("WWW-Authenticate: Bearer realm=\"waybill\"\r\n")
            )
            let wrong = try await get(server, "/private/whoami", "Authorization: Bearer nope\r\n")
            #expect(wrong.hasPrefix("HTTP/1.1 401 ") && wrong.contains("error=\"invalid_token\""))
            let basic = try await get(server, "/private/whoami", "Authorization: Basic Zm9v\r\n")
            #expect(basic.hasPrefix("HTTP/1.1 401 "))
            let schemeless = ["Bearer", "Bearerx good-token", "good-token"]
            for value in schemeless {
                let answer = try await get(server, "/private/whoami", "Authorization: \(value)\r\n")
                #expect(answer.hasPrefix("HTTP/1.1 401 ") && !answer.contains("invalid_token"), "\(value)")
            }
            let torn = try await get(server, "/private/whoami", "Authorization: Bearer good token\r\n")
            #expect(torn.hasPrefix("HTTP/1.1 401 ") && torn.contains("error=\"invalid_token\""))
            let wide = try await get(server, "/private/whoami", "Authorization: Bearer   good-token\r\n")
            #expect(wide.hasPrefix("HTTP/1.1 200 "))
            let right = try await get(server, "/private/whoami", "authorization: bearer good-token\r\n")
            #expect(right.hasPrefix("HTTP/1.1 200 ") && right.hasSuffix("ann"))
            #expect(
                try await get(server, "/private/admin", "Authorization: Bearer good-token\r\n").hasPrefix(
                    "HTTP/1.1 403 "
                )
            )
            let down = try await get(server, "/private/whoami", "Authorization: Bearer broken\r\n")
            #expect(down.hasPrefix("HTTP/1.1 503 ") && down.contains("Retry-After: 5\r\n"))
            #expect(
                server.witness.lines.contains { $0.contains("principal=ann") && $0.contains("tenant=acme") }
            )
            #expect(!server.witness.lines.joined().contains("good-token"))
        }
    }

    @Test func servesMachines() async throws {
        try await TestServer.run { server in
            #expect(try await get(server, "/livez").hasPrefix("HTTP/1.1 200 "))
            #expect(try await get(server, "/startupz").hasPrefix("HTTP/1.1 503 "))
            #expect(try await get(server, "/readyz").hasPrefix("HTTP/1.1 503 "))
            server.health.markStarted()
            #expect(try await get(server, "/startupz").hasPrefix("HTTP/1.1 200 "))
            #expect(try await get(server, "/readyz?verbose").hasSuffix("ready\n"))
            let health = try await get(server, "/health")
            #expect(health.contains("\"server\":\"up\"") && health.contains("\"timestamp\":"))
            let metrics = try await get(server, "/metrics")
            #expect(
                metrics.contains("http_requests_total{route=\"/livez\",method=\"GET\",status=\"200\"} 1\n")
            )
            #expect(metrics.contains("text/plain; version=0.0.4"))
            let head = try await exchange(
                server,
                "HEAD /livez HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
            )
            #expect(head.hasSuffix("\r\n\r\n") && head.contains("Content-Length: 3\r\n"))
        }
    }

    @Test func refusesWhatIsTooLongOrBroken() async throws {
        var limits = ConnectionLimits()
        limits.uriByteLimit = 200
        limits.headerByteLimit = 1_000
        limits.headerCountLimit = 20
        limits.receiveBufferBytes = 4_096
        try await TestServer.run(limits) { server in
            let long = String(repeating: "a", count: 300)
            #expect(try await get(server, "/\(long)").hasPrefix("HTTP/1.1 414 "))
            let huge = String(repeating: "a", count: 100_000)
            #expect(try await get(server, "/\(huge)").contains("HTTP/1.1 414 "))
            #expect(
                try await get(server, "/livez", "A: \(long)\(long)\(long)\(long)\r\n").hasPrefix(
                    "HTTP/1.1 431 "
                )
            )
            let many = (0..<30).map { "A\($0): b\r\n" }.joined()
            let refused = try await get(server, "/livez", many)
            #expect(refused.hasPrefix("HTTP/1.1 431 ") && refused.contains("REQUEST_HEADER_FIELDS_TOO_LARGE"))
            for nonsense in ["hello\r\n\r\n", "GET / HTTP/1.1\r\nHost : x\r\n\r\n", "GET / HTTP/1.1\r\n\r\n"]
            {
                #expect(try await exchange(server, nonsense).hasPrefix("HTTP/1.1 400 "), "\(nonsense)")
            }
            let smuggled =
                "POST /count HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"
            #expect(try await exchange(server, smuggled).hasPrefix("HTTP/1.1 400 "))
            for framing in ["Content-Length: 9223372036854775808", "Transfer-Encoding: gzip, chunked"] {
                let answer = try await exchange(
                    server,
                    "POST /count HTTP/1.1\r\nHost: x\r\n\(framing)\r\n\r\n0\r\n\r\n"
                )
                #expect(
                    answer.hasPrefix("HTTP/1.1 400 ") && answer.contains("Connection: close"),
                    "\(framing)"
                )
            }
        }
    }

    /// The parser reads nothing after such a request, so the client must not wait for a second answer.
    @Test func endsConnectionsThatAreToSpeakSomethingElse() async throws {
        try await TestServer.run { server in
            for request in [
                "GET /hello/world HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\n",
                "CONNECT x:1 HTTP/1.1\r\nHost: x\r\n\r\n",
            ] {
                let connection = try server.connect()
                try await connection.send(request)
                let answer = try await connection.receive().text
                #expect(answer.contains("Connection: close"), "\(answer)")
            }
        }
    }

    @Test func answersHTTP10InItsOwnTerms() async throws {
        try await TestServer.run { server in
            let answer = try await exchange(server, "GET /hello/old HTTP/1.0\r\n\r\n")
            #expect(answer.hasPrefix("HTTP/1.0 200 ") && answer.hasSuffix("hello old"))
            #expect(answer.contains("Connection: close\r\n"))
        }
    }
}
