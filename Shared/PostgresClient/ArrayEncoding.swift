public import Determinism

public import struct FoundationEssentials.UUID

/// An element of a PostgreSQL array. Its type travels with the array, so the parameter must be of exactly that array type:
/// write `$1::text[]` where the column is an enum, varchar or jsonb.
public protocol PostgresArrayElement: Sendable {
    static var arrayElementType: PostgresType { get }
    /// Writes the element behind those before it.
    func encode(into elements: inout ArrayElements)
}

/// The elements of an array in binary form: each with its byte count, -1 for NULL.
public struct ArrayElements {
    fileprivate(set) var bytes: [UInt8] = []
    fileprivate(set) var hasNull = false
    /// Why the array cannot be sent.
    fileprivate(set) var refusal: String?

    mutating func appendNull() {
        hasNull = true
        bytes.append(bigEndian: Int32(-1))
    }

    mutating func append(_ element: some Collection<UInt8>) {
        guard let byteCount = Int32(exactly: element.count) else { return refuse("array element too large") }
        bytes.append(bigEndian: byteCount)
        bytes.append(contentsOf: element)
    }

    mutating func append(bigEndian value: some FixedWidthInteger) {
        Swift.withUnsafeBytes(of: value.bigEndian) { append($0) }
    }

    mutating func refuse(_ reason: String) { refusal = refusal ?? reason }
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
        var encoded = ArrayElements()
        for element in elements { element.encode(into: &encoded) }
        return .init(arrayOf: arrayElementType, count: elements.count, encoded)
    }
}

extension PostgresValue {
    /// The layout of `array_send` in PostgreSQL's src/backend/utils/adt/arrayfuncs.c: dimension count, NULL flag, element type,
    /// then length and lower bound of each dimension, then the elements.
    fileprivate init(arrayOf type: PostgresType, count: Int, _ elements: ArrayElements) {
        guard let count = Int32(exactly: count) else {
            self = .invalid("array too long")
            return
        }
        if let reason = elements.refusal {
            self = .invalid(reason)
            return
        }
        var whole: [UInt8] = []
        whole.reserveCapacity(elements.bytes.count + 20)
        whole.append(bigEndian: count == 0 ? Int32(0) : 1)
        whole.append(bigEndian: elements.hasNull ? Int32(1) : 0)
        whole.append(bigEndian: Int32(bitPattern: type.rawValue))
        if count > 0 {
            whole.append(bigEndian: count)
            whole.append(bigEndian: Int32(1))
        }
        whole += elements.bytes
        self = .array(whole)
    }
}

extension [UInt8] {
    fileprivate mutating func append(bigEndian value: some FixedWidthInteger) {
        Swift.withUnsafeBytes(of: value.bigEndian) { append(contentsOf: $0) }
    }
}

extension String: PostgresArrayElement, PostgresArrayable {
    public static var arrayElementType: PostgresType { .text }
    public func encode(into elements: inout ArrayElements) {
        if hasNUL { elements.refuse("an array element contains a NUL character") }
        elements.append(utf8)
    }
}

extension Int: PostgresArrayElement, PostgresArrayable {
    public static var arrayElementType: PostgresType { .int8 }
    public func encode(into elements: inout ArrayElements) { elements.append(bigEndian: Int64(self)) }
}

extension Int64: PostgresArrayElement, PostgresArrayable {
    public static var arrayElementType: PostgresType { .int8 }
    public func encode(into elements: inout ArrayElements) { elements.append(bigEndian: self) }
}

extension Int32: PostgresArrayElement, PostgresArrayable {
    public static var arrayElementType: PostgresType { .int4 }
    public func encode(into elements: inout ArrayElements) { elements.append(bigEndian: self) }
}

extension Bool: PostgresArrayElement, PostgresArrayable {
    public static var arrayElementType: PostgresType { .bool }
    public func encode(into elements: inout ArrayElements) { elements.append(bigEndian: UInt8(self ? 1 : 0)) }
}

extension UUID: PostgresArrayElement, PostgresArrayable {
    public static var arrayElementType: PostgresType { .uuid }
    public func encode(into elements: inout ArrayElements) {
        withUnsafeBytes(of: uuid) { elements.append($0) }
    }
}

extension Timestamp: PostgresArrayElement, PostgresArrayable {
    public static var arrayElementType: PostgresType { .timestamptz }
    public func encode(into elements: inout ArrayElements) {
        let (micros, overflow) = microsecondsSinceEpoch.subtractingReportingOverflow(
            postgresEpochMicroseconds
        )
        if overflow { elements.refuse("a timestamp is out of range") }
        elements.append(bigEndian: micros)
    }
}

extension Array: PostgresArrayElement, PostgresArrayable where Element == UInt8 {
    public static var arrayElementType: PostgresType { .bytea }
    public func encode(into elements: inout ArrayElements) { elements.append(self) }
}

extension Optional: PostgresArrayElement, PostgresArrayable where Wrapped: PostgresArrayElement {
    public static var arrayElementType: PostgresType { Wrapped.arrayElementType }
    public func encode(into elements: inout ArrayElements) {
        if let self { self.encode(into: &elements) } else { elements.appendNull() }
    }
}
