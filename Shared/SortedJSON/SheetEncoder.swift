import struct FoundationEssentials.Data
import struct FoundationEssentials.Decimal
import struct FoundationEssentials.URL

/// Writes an `Encodable` value on a ``Sheet``. The numbers no document of ours has (fractions, and those of other widths than 64 bits)
/// arrive as any other value, at last in ``Bare``.
final class SheetEncoder: Encoder {
    /// The value asks for what a sheet does not hold.
    struct Unsuited: Error {}

    private static let depthLimit = 64

    private var sheet = Sheet()
    /// How many values this one is within.
    private let depth: Int
    var codingPath: [any CodingKey] { [] }
    var userInfo: [CodingUserInfoKey: Any] { [:] }

    private init(depth: Int) { self.depth = depth }

    static func bytes<Value: Encodable>(of value: Value, depth: Int = 0) throws -> [UInt8] {
        // The three types write themselves otherwise than JSONEncoder writes them.
        guard depth < depthLimit, Value.self != Data.self, Value.self != URL.self, Value.self != Decimal.self
        else { throw Unsuited() }
        let encoder = SheetEncoder(depth: depth)
        try value.encode(to: encoder)
        guard let text = encoder.sheet.text() else { throw Unsuited() }
        return text
    }

    func container<Key: CodingKey>(keyedBy type: Key.Type) -> KeyedEncodingContainer<Key> {
        sheet.become(.object)
        return KeyedEncodingContainer(Members(encoder: self))
    }

    func unkeyedContainer() -> any UnkeyedEncodingContainer {
        sheet.become(.list)
        return Elements(encoder: self)
    }

    func singleValueContainer() -> any SingleValueEncodingContainer {
        sheet.become(.bare)
        return Bare(encoder: self)
    }

    /// What nests containers by hand finds one that is thrown away.
    fileprivate func scrap() -> SheetEncoder {
        sheet.refuse()
        return SheetEncoder(depth: depth)
    }

    /// Also where the value catches what is thrown, and goes on.
    fileprivate func refusal() -> Unsuited {
        sheet.refuse()
        return Unsuited()
    }

    fileprivate func add(_ name: String? = nil, _ value: some Encodable) throws {
        do {
            let text = try Self.bytes(of: value, depth: depth + 1)
            sheet.add(name) { $0.append(text) }
        } catch { throw refusal() }
    }
    fileprivate func add(_ name: String? = nil, text: String) { sheet.add(name) { $0.append(text: text) } }
    fileprivate func add(_ name: String? = nil, number: Int64) {
        sheet.add(name) { $0.append(number: number) }
    }
    fileprivate func add(_ name: String? = nil, _ value: Bool) {
        sheet.add(name) { $0.append(literal: value ? "true" : "false") }
    }
    fileprivate func addNull(_ name: String? = nil) { sheet.add(name) { $0.append(literal: "null") } }
}

/// Members of an object.
private struct Members<Key: CodingKey>: KeyedEncodingContainerProtocol {
    let encoder: SheetEncoder
    var codingPath: [any CodingKey] { [] }

    func encodeNil(forKey key: Key) { encoder.addNull(key.stringValue) }
    func encode(_ value: Bool, forKey key: Key) { encoder.add(key.stringValue, value) }
    func encode(_ value: String, forKey key: Key) { encoder.add(key.stringValue, text: value) }
    func encode(_ value: Int, forKey key: Key) { encoder.add(key.stringValue, number: Int64(value)) }
    func encode(_ value: Int64, forKey key: Key) { encoder.add(key.stringValue, number: value) }
    func encode(_ value: some Encodable, forKey key: Key) throws { try encoder.add(key.stringValue, value) }
    func nestedContainer<Nested: CodingKey>(
        keyedBy type: Nested.Type,
        forKey key: Key
    ) -> KeyedEncodingContainer<Nested> { encoder.scrap().container(keyedBy: type) }
    func nestedUnkeyedContainer(forKey key: Key) -> any UnkeyedEncodingContainer {
        encoder.scrap().unkeyedContainer()
    }
    func superEncoder() -> any Encoder { encoder.scrap() }
    func superEncoder(forKey key: Key) -> any Encoder { encoder.scrap() }
}

/// Elements of a list.
private struct Elements: UnkeyedEncodingContainer {
    let encoder: SheetEncoder
    var count = 0
    var codingPath: [any CodingKey] { [] }

    mutating func encodeNil() { add { $0.addNull() } }
    mutating func encode(_ value: Bool) { add { $0.add(nil, value) } }
    mutating func encode(_ value: String) { add { $0.add(text: value) } }
    mutating func encode(_ value: Int) { add { $0.add(number: Int64(value)) } }
    mutating func encode(_ value: Int64) { add { $0.add(number: value) } }
    mutating func encode(_ value: some Encodable) throws { try add { try $0.add(nil, value) } }
    mutating func nestedContainer<Nested: CodingKey>(
        keyedBy type: Nested.Type
    ) -> KeyedEncodingContainer<Nested> { encoder.scrap().container(keyedBy: type) }
    mutating func nestedUnkeyedContainer() -> any UnkeyedEncodingContainer {
        encoder.scrap().unkeyedContainer()
    }
    mutating func superEncoder() -> any Encoder { encoder.scrap() }

    private mutating func add(_ write: (SheetEncoder) throws -> Void) rethrows {
        try write(encoder)
        count += 1
    }
}

/// A value that is neither object nor list.
private struct Bare: SingleValueEncodingContainer {
    let encoder: SheetEncoder
    var codingPath: [any CodingKey] { [] }

    func encodeNil() { encoder.addNull() }
    func encode(_ value: Bool) { encoder.add(nil, value) }
    func encode(_ value: String) { encoder.add(text: value) }
    func encode(_ value: Int) { encoder.add(number: Int64(value)) }
    func encode(_ value: Int64) { encoder.add(number: value) }
    func encode(_ value: some Encodable) throws {
        guard !(value is any Numeric) || value is Int || value is Int64 else { throw encoder.refusal() }
        try encoder.add(nil, value)
    }
}
