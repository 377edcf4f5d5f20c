public import Determinism

/// The trace a piece of work belongs to. It is passed on as it came: no spans are made here, and `tracestate` is not kept.
///
/// Source: W3C Trace Context, section 3.2.
public struct TraceContext: Hashable, Sendable {
    /// The trace of the work under way; nil when nobody outside asked for it. Log lines, sagas and events take it from here.
    @TaskLocal public static var current: TraceContext?

    /// 32 lower-case hexadecimal digits, not all zero.
    public let traceID: String
    /// The value of `traceparent`.
    public let header: String

    /// - Returns: nil when the text is not well-formed. A newer version is read as far as it is known.
    public init?(_ traceparent: String) {
        let bytes = Array(traceparent.utf8.prefix(56))
        let hyphen = UInt8(ascii: "-")
        guard bytes.count >= 55, bytes[2] == hyphen, bytes[35] == hyphen, bytes[52] == hyphen else {
            return nil
        }
        let (version, trace, parent, flags) = (bytes[0..<2], bytes[3..<35], bytes[36..<52], bytes[53..<55])
        guard version.allSatisfy(Self.isDigit), trace.allSatisfy(Self.isDigit),
            parent.allSatisfy(Self.isDigit), flags.allSatisfy(Self.isDigit),
            !trace.allSatisfy(Self.isZero), !parent.allSatisfy(Self.isZero)
        else { return nil }
        let isFirstVersion = version.allSatisfy(Self.isZero)
        guard bytes.count == 55 || !isFirstVersion && bytes[55] == hyphen, !version.elementsEqual("ff".utf8)
        else { return nil }
        traceID = String(decoding: trace, as: UTF8.self)
        header = "00-" + String(decoding: bytes[3..<55], as: UTF8.self)
    }

    /// A new trace, which nobody records.
    public init(random: some RandomSource) {
        func number(byteCount: Int) -> [UInt8] {
            var digits: [UInt8] = []
            digits.reserveCapacity(2 * byteCount)
            for (index, byte) in random.bytes(count: byteCount).enumerated() {
                digits.append(Self.digit(byte >> 4))
                // Neither number may be zero.
                digits.append(Self.digit(byte & 15 | (index == 0 ? 1 : 0)))
            }
            return digits
        }
        traceID = String(decoding: number(byteCount: 16), as: UTF8.self)
        header = "00-\(traceID)-\(String(decoding: number(byteCount: 8), as: UTF8.self))-00"
    }

    private static func digit(_ value: UInt8) -> UInt8 { value < 10 ? 0x30 + value : 0x57 + value }

    private static func isDigit(_ byte: UInt8) -> Bool {
        (0x30...0x39).contains(byte) || (0x61...0x66).contains(byte)
    }

    private static func isZero(_ byte: UInt8) -> Bool { byte == 0x30 }
}
