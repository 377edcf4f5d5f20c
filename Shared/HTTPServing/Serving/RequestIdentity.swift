import Determinism
import FoundationEssentials
import HTTPTypes

extension HTTPField.Name {
    /// Names one request across programs.
    static let requestID = requiredName("X-Request-Id")
    static let traceparent = requiredName("traceparent")

    private static func requiredName(_ text: String) -> HTTPField.Name {
        guard let name = HTTPField.Name(text) else { preconditionFailure("not a field name: \(text)") }
        return name
    }
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

    /// The trace id of `traceparent` version 00. Source: W3C Trace Context, section 3.2.
    static func traceID(_ fields: HTTPFields) -> String? {
        guard let header = fields[.traceparent] else { return nil }
        let parts = header.split(separator: "-", omittingEmptySubsequences: false)
        guard parts.count >= 4, parts[0].utf8.count == 2, parts[1].utf8.count == 32 else { return nil }
        let isHex = parts[1].utf8.allSatisfy { (0x30...0x39).contains($0) || (0x61...0x66).contains($0) }
        guard isHex, parts[1].contains(where: { $0 != "0" }) else { return nil }
        return String(parts[1])
    }

    private static func isAcceptable(_ text: String) -> Bool {
        (1...64).contains(text.utf8.count)
            && text.utf8.allSatisfy { byte in
                (0x30...0x39).contains(byte) || (0x41...0x5A).contains(byte) || (0x61...0x7A).contains(byte)
                    || byte == UInt8(ascii: ".") || byte == UInt8(ascii: "_") || byte == UInt8(ascii: "-")
            }
    }
}
