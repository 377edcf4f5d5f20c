public import Determinism
import Glibc

public import struct FoundationEssentials.UUID

/// A UUID written in its canonical lower-case form (RFC 9562); `UUID`'s own coding writes upper case.
@propertyWrapper
public struct CanonicalUUID: Equatable, Sendable, Codable {
    public var wrappedValue: UUID

    public init(wrappedValue: UUID) { self.wrappedValue = wrappedValue }

    public init(from decoder: any Decoder) throws {
        let container = try decoder.singleValueContainer()
        guard let value = UUID(text: try container.decode(String.self)) else {
            throw DecodingError.dataCorruptedError(in: container, debugDescription: "is not a UUID")
        }
        wrappedValue = value
    }

    public func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        try container.encode(wrappedValue.text)
    }
}

/// An instant written as RFC 3339 in UTC with microseconds.
@propertyWrapper
public struct RFC3339Text: Equatable, Sendable, Codable {
    public var wrappedValue: Timestamp

    public init(wrappedValue: Timestamp) { self.wrappedValue = wrappedValue }

    public init(from decoder: any Decoder) throws {
        let container = try decoder.singleValueContainer()
        guard let value = Timestamp(rfc3339: try container.decode(String.self)) else {
            throw DecodingError.dataCorruptedError(in: container, debugDescription: "is not an RFC 3339 time")
        }
        wrappedValue = value
    }

    public func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        try container.encode(wrappedValue.rfc3339)
    }
}

/// Nil for what is not UTF-8. Not `String(validating:as:)`, which looks its types up at run time for each call: what is not
/// UTF-8 is repaired, and is not what was sent any more.
func utf8Text(_ bytes: UnsafeBufferPointer<UInt8>) -> String? {
    var text = String(decoding: bytes, as: UTF8.self)
    let isSame = text.withUTF8 { copy in
        guard copy.count == bytes.count, let left = copy.baseAddress, let right = bytes.baseAddress else {
            return copy.isEmpty && bytes.isEmpty
        }
        return memcmp(left, right, copy.count) == 0
    }
    return isSame ? text : nil
}
