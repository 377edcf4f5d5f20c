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
        let bytes = Array(text.utf8)
        let segments = bytes.split(separator: UInt8(ascii: "/"), omittingEmptySubsequences: false)
        guard segments.count == 4, Self.isTenant(segments[0]), Self.isMonth(segments[1], segments[2]),
            Self.isName(segments[3])
        else { return nil }
        self.text = text
    }

    private static func isMonth(_ year: ArraySlice<UInt8>, _ month: ArraySlice<UInt8>) -> Bool {
        guard year.count == 4, year.allSatisfy(isDigit), month.count == 2, month.allSatisfy(isDigit) else {
            return false
        }
        return month.elementsEqual("10".utf8) || month.elementsEqual("11".utf8)
            || month.elementsEqual("12".utf8)
            || month.first == UInt8(ascii: "0") && month.last != UInt8(ascii: "0")
    }

    /// `<uuid>.<attempt>`, the id in lower case, the attempt as `Int64` writes it.
    private static func isName(_ name: ArraySlice<UInt8>) -> Bool {
        let (id, rest) = (name.prefix(36), name.dropFirst(36))
        guard id.allSatisfy({ !isUppercase($0) }), UUID(text: String(decoding: id, as: UTF8.self)) != nil,
            rest.first == UInt8(ascii: "."),
            let attempt = Int64(String(decoding: rest.dropFirst(), as: UTF8.self))
        else { return false }
        return attempt >= 1 && String(attempt).utf8.elementsEqual(rest.dropFirst())
    }

    /// Whether `tenant` may be the first segment of a key: `[a-z0-9-]{1,63}`.
    public static func isTenant(_ tenant: String) -> Bool { isTenant(tenant.utf8) }

    private static func isTenant(_ bytes: some Collection<UInt8>) -> Bool {
        (1...63).contains(bytes.count)
            && bytes.allSatisfy { isDigit($0) || $0 == UInt8(ascii: "-") || isLowercase($0) }
    }
}

private func isDigit(_ byte: UInt8) -> Bool { (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte) }
private func isLowercase(_ byte: UInt8) -> Bool { (UInt8(ascii: "a")...UInt8(ascii: "z")).contains(byte) }
private func isUppercase(_ byte: UInt8) -> Bool { (UInt8(ascii: "A")...UInt8(ascii: "Z")).contains(byte) }
