public import Determinism

public import struct FoundationEssentials.UUID

/// Where a file's bytes lie in the bucket: `<tenant>/<yyyy>/<mm>/<uuid>.<attempt>`.
///
/// Made by the server, unique for ever, never reused; nothing the user types reaches it but the tenant, which is
/// `[a-z0-9-]{1,63}`. Both services check the form, so a damaged key can never widen a removal.
public struct ObjectKey: Hashable, Sendable, CustomStringConvertible {
    public let text: String
    public var description: String { text }

    /// The tenant, the first segment.
    public var tenant: String { String(text.prefix { $0 != "/" }) }

    /// - Parameters:
    ///   - id: a version 7 UUID; its time of creation belongs in `createdAt` too.
    ///   - attempt: 1 or more.
    /// - Returns: nil when the tenant, the year (0000–9999) or the attempt is outside the pattern.
    public init?(tenant: String, id: UUID, attempt: Int64, createdAt: Timestamp) {
        let month = createdAt.date.text.prefix(7).split(separator: "-").joined(separator: "/")
        self.init("\(tenant)/\(month)/\(id.text).\(attempt)")
    }

    /// - Returns: nil when `text` is not exactly of the generated form.
    public init?(_ text: String) {
        guard text.utf8.count <= 128 else { return nil }
        let segments = text.utf8.split(separator: UInt8(ascii: "/"), omittingEmptySubsequences: false)
        guard segments.count == 4, Self.isTenant(segments[0]),
            segments[1].count == 4, segments[1].allSatisfy(isDigit),
            segments[2].count == 2, segments[2].allSatisfy(isDigit),
            let month = Int(Substring(segments[2])), (1...12).contains(month)
        else { return nil }
        let name = segments[3].split(separator: UInt8(ascii: "."), omittingEmptySubsequences: false)
        guard name.count == 2, let id = UUID(uuidString: String(Substring(name[0]))),
            id.text.utf8.elementsEqual(name[0]),
            let attempt = Int64(Substring(name[1])), attempt >= 1, String(attempt).utf8.elementsEqual(name[1])
        else { return nil }
        self.text = text
    }

    /// Whether `tenant` may be the first segment of a key: `[a-z0-9-]{1,63}`.
    public static func isTenant(_ tenant: String) -> Bool { isTenant(tenant.utf8[...]) }

    private static func isTenant(_ bytes: Substring.UTF8View) -> Bool {
        (1...63).contains(bytes.count)
            && bytes.allSatisfy { isDigit($0) || $0 == UInt8(ascii: "-") || isLowercase($0) }
    }
}

private func isDigit(_ byte: UInt8) -> Bool { (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte) }
private func isLowercase(_ byte: UInt8) -> Bool { (UInt8(ascii: "a")...UInt8(ascii: "z")).contains(byte) }
