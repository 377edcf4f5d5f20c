import HTTPServing
import HTTPTypes

/// What a client calls one request, so that sending it again is recognised.
///
/// 1 to 255 visible ASCII characters, as a string of RFC 8941 (section 3.3.3, what draft-ietf-httpapi-idempotency-key-header
/// asks for) or bare, as most clients send it: `"k"` and `k` are the same key. Bare keys have no `"`, `\` and `,`, so that two
/// fields which a proxy has joined are not taken for one.
struct IdempotencyKey: Hashable, Sendable {
    static let byteLimit = 255

    let text: String

    init(_ value: String) throws(RequestRefusal) {
        let isQuoted = value.utf8.first == UInt8(ascii: "\"")
        guard let bytes = isQuoted ? Self.unquoted(value) : Self.bare(value),
            (1...Self.byteLimit).contains(bytes.count), bytes.allSatisfy({ (0x21...0x7E).contains($0) })
        else { throw .idempotencyKey }
        text = String(decoding: bytes, as: UTF8.self)
    }

    /// - Returns: nil when the request has none.
    static func read(_ fields: HTTPFields) throws(RequestRefusal) -> IdempotencyKey? {
        let values = fields[values: .idempotencyKey]
        guard let value = values.first else { return nil }
        guard values.count == 1 else { throw .idempotencyKey }
        return try IdempotencyKey(value)
    }

    private static func bare(_ value: String) -> [UInt8]? {
        value.utf8.contains { #""\,"#.utf8.contains($0) } ? nil : Array(value.utf8)
    }

    /// What stands between the quotes, or nil for anything but one whole string.
    private static func unquoted(_ value: String) -> [UInt8]? {
        var rest = value.utf8.dropFirst()
        guard rest.popLast() == UInt8(ascii: "\"") else { return nil }
        var bytes: [UInt8] = []
        while let byte = rest.popFirst() {
            switch byte {
            case UInt8(ascii: "\""): return nil
            case UInt8(ascii: "\\"):
                guard let escaped = rest.popFirst(), #""\"#.utf8.contains(escaped) else { return nil }
                bytes.append(escaped)
            default: bytes.append(byte)
            }
        }
        return bytes
    }
}

extension HTTPField.Name {
    static let idempotencyKey = constant("Idempotency-Key")
    /// On an answer that was given before.
    static let idempotencyReplayed = constant("Idempotency-Replayed")
}
