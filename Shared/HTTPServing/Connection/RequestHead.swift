import NIOHTTP1

/// Reads from a head what decides about the connection.
enum RequestHead {
    /// HTTP/1.0 or older: no chunks, no interim answers, no Host needed.
    static func isVersion10(_ head: HTTPRequestHead) -> Bool {
        head.version.major < 1 || head.version.minor < 1
    }

    /// Whether it can be told where the body ends, and what it is: only `chunked` is understood (RFC 9112, section 6.1).
    static func hasReadableBody(_ head: HTTPRequestHead) -> Bool {
        head.headers[canonicalForm: "transfer-encoding"].allSatisfy { $0.lowercased() == "chunked" }
            && head.headers["content-length"].allSatisfy { (Int64($0) ?? -1) >= 0 }
    }

    static func facts(of head: HTTPRequestHead) -> ConnectionState.RequestFacts {
        let isVersion10 = isVersion10(head)
        let expectation = head.headers[canonicalForm: "expect"].contains { $0.lowercased() == "100-continue" }
        let isChunked = head.headers.contains(name: "transfer-encoding")
        let length = head.headers["content-length"].first.flatMap { Int64($0) }
        let remaining: Int64? = isChunked ? nil : length ?? 0
        return ConnectionState.RequestFacts(
            // The parser takes what follows for another protocol, which nobody speaks here.
            isKeepAlive: head.isKeepAlive && head.method != .CONNECT
                && !head.headers.contains(name: "upgrade"),
            isVersion10: isVersion10,
            // RFC 9110, section 10.1.1: ignored from HTTP/1.0 and without a body.
            isAwaitingContinue: expectation && !isVersion10 && remaining != 0,
            remaining: remaining
        )
    }
}
