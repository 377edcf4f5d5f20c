public import Determinism

public import struct FoundationEssentials.UUID

/// A UUID written in its canonical lower-case form (RFC 9562); `UUID`'s own coding writes upper case.
@propertyWrapper
public struct CanonicalUUID: Equatable, Sendable, Codable {
    public var wrappedValue: UUID

    public init(wrappedValue: UUID) { self.wrappedValue = wrappedValue }

    public init(from decoder: any Decoder) throws {
        let container = try decoder.singleValueContainer()
        guard let value = UUID(uuidString: try container.decode(String.self)) else {
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
