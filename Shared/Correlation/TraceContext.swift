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
        guard bytes.count >= 55, [2, 35, 52].allSatisfy({ bytes[$0] == UInt8(ascii: "-") }) else {
            return nil
        }
        let (version, trace, parent, flags) = (bytes[0..<2], bytes[3..<35], bytes[36..<52], bytes[53..<55])
        guard [version, trace, parent, flags].allSatisfy({ $0.allSatisfy(Self.isDigit) }),
            !trace.allSatisfy(Self.isZero), !parent.allSatisfy(Self.isZero)
        else { return nil }
        let isFirstVersion = version.allSatisfy(Self.isZero)
        guard bytes.count == 55 || !isFirstVersion && bytes[55] == UInt8(ascii: "-"),
            !version.elementsEqual("ff".utf8)
        else { return nil }
        self.init(trace, parent, flags)
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
        self.init(number(byteCount: 16), number(byteCount: 8), "00".utf8)
    }

    private init(_ trace: some Sequence<UInt8>, _ parent: some Sequence<UInt8>, _ flags: some Sequence<UInt8>)
    {
        func text(_ bytes: some Sequence<UInt8>) -> String { String(decoding: Array(bytes), as: UTF8.self) }
        traceID = text(trace)
        header = "00-\(text(trace))-\(text(parent))-\(text(flags))"
    }

    private static func digit(_ value: UInt8) -> UInt8 { value < 10 ? 0x30 + value : 0x57 + value }

    private static func isDigit(_ byte: UInt8) -> Bool {
        (0x30...0x39).contains(byte) || (0x61...0x66).contains(byte)
    }

    private static func isZero(_ byte: UInt8) -> Bool { byte == 0x30 }
}
