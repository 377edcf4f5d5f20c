import Correlation
import Determinism
import FoundationEssentials
import HTTPTypes

extension HTTPField.Name {
    /// Names one request across programs.
    static let requestID = constant("X-Request-Id")
    static let traceparent = constant("traceparent")
}

enum RequestIdentity {
    /// The client's id when it is 1 to 64 of `A–Z a–z 0–9 . _ -`, so that it can stand in logs and headers; else a new one.
    static func requestID(
        _ fields: HTTPFields,
        time: any TimeSource,
        random: any RandomSource
    ) -> String {
        if let given = fields[.requestID], isAcceptable(given) { return given }
        return fresh(time: time, random: random)
    }

    static func fresh(time: any TimeSource, random: some RandomSource) -> String {
        UUID.version7(at: time.now, from: random).text
    }

    /// A `traceparent` that is not well-formed, or that came twice, is no error: the request begins a new trace.
    static func trace(_ fields: HTTPFields, random: any RandomSource) -> TraceContext {
        fields[.traceparent].flatMap { TraceContext($0) } ?? TraceContext(random: random)
    }

    /// Without query and fragment.
    static func path(_ head: HTTPRequest) -> String {
        let path = (head.path ?? "").utf8.prefix { $0 != UInt8(ascii: "?") && $0 != UInt8(ascii: "#") }
        return String(Substring(path))
    }

    private static func isAcceptable(_ text: String) -> Bool {
        (1...64).contains(text.utf8.count)
            && text.utf8.allSatisfy { byte in
                (0x30...0x39).contains(byte) || (0x41...0x5A).contains(byte) || (0x61...0x7A).contains(byte)
                    || byte == UInt8(ascii: ".") || byte == UInt8(ascii: "_") || byte == UInt8(ascii: "-")
            }
    }
}
