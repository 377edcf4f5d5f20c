public import Determinism

public import struct FoundationEssentials.UUID

/// An element of a PostgreSQL array. Its type travels with the array, so the parameter must be of exactly that array type:
/// write `$1::text[]` where the column is an enum, varchar or jsonb.
public protocol PostgresArrayElement: Sendable {
    static var arrayElementType: PostgresType { get }
    /// The binary form, nil for NULL.
    var arrayElement: ArrayElement { get }
}

/// One element in binary form.
public enum ArrayElement: Sendable {
    case null
    case bytes([UInt8])
    case invalid(String)
}

/// What `Array` needs to know to be a parameter: `[UInt8]` is a `bytea`, everything else an array.
public protocol PostgresArrayable: Sendable {
    static func parameter(from elements: [Self]) -> PostgresValue
}

extension Array: PostgresEncodable where Element: PostgresArrayable {
    public var postgresValue: PostgresValue { Element.parameter(from: self) }
}

extension UInt8: PostgresArrayable {
    public static func parameter(from elements: [UInt8]) -> PostgresValue { .bytes(elements) }
}

extension PostgresArrayable where Self: PostgresArrayElement {
    public static func parameter(from elements: [Self]) -> PostgresValue {
        encodeArray(of: arrayElementType, elements.lazy.map(\.arrayElement))
    }
}

/// The layout of `array_send` in PostgreSQL's src/backend/utils/adt/arrayfuncs.c: dimension count, NULL flag, element type,
/// then length and lower bound of each dimension, then the elements, each with its byte count (-1 for NULL).
private func encodeArray(
    of type: PostgresType,
    _ elements: some Collection<ArrayElement>
) -> PostgresValue {
    guard let count = Int32(exactly: elements.count) else { return .invalid("array too long") }
    var hasNull = false
    var body: [UInt8] = []
    for element in elements {
        switch element {
        case .null:
            hasNull = true
            body.append(bigEndian: Int32(-1))
        case .bytes(let bytes):
            guard let byteCount = Int32(exactly: bytes.count) else {
                return .invalid("array element too large")
            }
            body.append(bigEndian: byteCount)
            body.append(contentsOf: bytes)
        case .invalid(let reason): return .invalid(reason)
        }
    }
    var whole: [UInt8] = []
    whole.reserveCapacity(body.count + 20)
    whole.append(bigEndian: count == 0 ? Int32(0) : 1)
    whole.append(bigEndian: hasNull ? Int32(1) : 0)
    whole.append(bigEndian: Int32(bitPattern: type.rawValue))
    guard count > 0 else { return .array(whole) }
    whole.append(bigEndian: count)
    whole.append(bigEndian: Int32(1))
    return .array(whole + body)
}

extension [UInt8] {
    fileprivate mutating func append(bigEndian value: some FixedWidthInteger) {
        Swift.withUnsafeBytes(of: value.bigEndian) { append(contentsOf: $0) }
    }
    fileprivate init(bigEndian value: some FixedWidthInteger) {
        self = []
        append(bigEndian: value)
    }
}

extension String: PostgresArrayElement, PostgresArrayable {
    public static var arrayElementType: PostgresType { .text }
    public var arrayElement: ArrayElement {
        utf8.contains(0) ? .invalid("an array element contains a NUL character") : .bytes(Array(utf8))
    }
}

extension Int: PostgresArrayElement, PostgresArrayable {
    public static var arrayElementType: PostgresType { .int8 }
    public var arrayElement: ArrayElement { .bytes(Array(bigEndian: Int64(self))) }
}

extension Int64: PostgresArrayElement, PostgresArrayable {
    public static var arrayElementType: PostgresType { .int8 }
    public var arrayElement: ArrayElement { .bytes(Array(bigEndian: self)) }
}

extension Int32: PostgresArrayElement, PostgresArrayable {
    public static var arrayElementType: PostgresType { .int4 }
    public var arrayElement: ArrayElement { .bytes(Array(bigEndian: self)) }
}

extension Bool: PostgresArrayElement, PostgresArrayable {
    public static var arrayElementType: PostgresType { .bool }
    public var arrayElement: ArrayElement { .bytes([self ? 1 : 0]) }
}

extension UUID: PostgresArrayElement, PostgresArrayable {
    public static var arrayElementType: PostgresType { .uuid }
    public var arrayElement: ArrayElement { .bytes(withUnsafeBytes(of: uuid) { Array($0) }) }
}

extension Timestamp: PostgresArrayElement, PostgresArrayable {
    public static var arrayElementType: PostgresType { .timestamptz }
    public var arrayElement: ArrayElement {
        let (micros, overflow) = microsecondsSinceEpoch.subtractingReportingOverflow(
            postgresEpochMicroseconds
        )
        return overflow ? .invalid("a timestamp is out of range") : .bytes(Array(bigEndian: micros))
    }
}

extension Array: PostgresArrayElement, PostgresArrayable where Element == UInt8 {
    public static var arrayElementType: PostgresType { .bytea }
    public var arrayElement: ArrayElement { .bytes(self) }
}

extension Optional: PostgresArrayElement, PostgresArrayable where Wrapped: PostgresArrayElement {
    public static var arrayElementType: PostgresType { Wrapped.arrayElementType }
    public var arrayElement: ArrayElement { self?.arrayElement ?? .null }
}
