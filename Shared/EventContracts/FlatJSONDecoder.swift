/// Gives the fields of a ``FlatJSON`` to whoever is `Decodable`. Everything else throws ``FlatJSON/Unsuited``.
struct FlatJSONDecoder: Decoder {
    let json: FlatJSON
    var codingPath: [any CodingKey] { [] }
    var userInfo: [CodingUserInfoKey: Any] { [:] }

    func container<Key: CodingKey>(keyedBy type: Key.Type) throws -> KeyedDecodingContainer<Key> {
        KeyedDecodingContainer(Fields(json: json))
    }
    func unkeyedContainer() throws -> any UnkeyedDecodingContainer { throw FlatJSON.Unsuited() }
    func singleValueContainer() throws -> any SingleValueDecodingContainer { throw FlatJSON.Unsuited() }

    private struct Fields<Key: CodingKey>: KeyedDecodingContainerProtocol {
        let json: FlatJSON
        var codingPath: [any CodingKey] { [] }
        var allKeys: [Key] { json.fields.compactMap { Key(stringValue: $0.name) } }

        private func value(_ key: Key) throws -> FlatJSON.Value {
            guard let value = json[key.stringValue] else { throw FlatJSON.Unsuited() }
            return value
        }

        func contains(_ key: Key) -> Bool { json[key.stringValue] != nil }
        func decodeNil(forKey key: Key) throws -> Bool { try value(key) == .null }
        func decode(_ type: String.Type, forKey key: Key) throws -> String { try value(key).text() }
        func decode(_ type: Int64.Type, forKey key: Key) throws -> Int64 {
            guard case .number(let number) = try value(key) else { throw FlatJSON.Unsuited() }
            return number
        }
        func decode<T: Decodable>(_ type: T.Type, forKey key: Key) throws -> T {
            try T(from: Scalar(value: try value(key)))
        }
        func decode(_ type: Bool.Type, forKey key: Key) throws -> Bool { throw FlatJSON.Unsuited() }
        func decode(_ type: Double.Type, forKey key: Key) throws -> Double { throw FlatJSON.Unsuited() }
        func decode(_ type: Float.Type, forKey key: Key) throws -> Float { throw FlatJSON.Unsuited() }
        func decode(_ type: Int.Type, forKey key: Key) throws -> Int { throw FlatJSON.Unsuited() }
        func decode(_ type: Int8.Type, forKey key: Key) throws -> Int8 { throw FlatJSON.Unsuited() }
        func decode(_ type: Int16.Type, forKey key: Key) throws -> Int16 { throw FlatJSON.Unsuited() }
        func decode(_ type: Int32.Type, forKey key: Key) throws -> Int32 { throw FlatJSON.Unsuited() }
        func decode(_ type: UInt.Type, forKey key: Key) throws -> UInt { throw FlatJSON.Unsuited() }
        func decode(_ type: UInt8.Type, forKey key: Key) throws -> UInt8 { throw FlatJSON.Unsuited() }
        func decode(_ type: UInt16.Type, forKey key: Key) throws -> UInt16 { throw FlatJSON.Unsuited() }
        func decode(_ type: UInt32.Type, forKey key: Key) throws -> UInt32 { throw FlatJSON.Unsuited() }
        func decode(_ type: UInt64.Type, forKey key: Key) throws -> UInt64 { throw FlatJSON.Unsuited() }
        func nestedContainer<Nested: CodingKey>(
            keyedBy type: Nested.Type,
            forKey key: Key
        ) throws -> KeyedDecodingContainer<Nested> { throw FlatJSON.Unsuited() }
        func nestedUnkeyedContainer(forKey key: Key) throws -> any UnkeyedDecodingContainer {
            throw FlatJSON.Unsuited()
        }
        func superDecoder() throws -> any Decoder { throw FlatJSON.Unsuited() }
        func superDecoder(forKey key: Key) throws -> any Decoder { throw FlatJSON.Unsuited() }
    }

    /// One value, for what is written as a text of its own form.
    private struct Scalar: Decoder, SingleValueDecodingContainer {
        let value: FlatJSON.Value
        var codingPath: [any CodingKey] { [] }
        var userInfo: [CodingUserInfoKey: Any] { [:] }

        func container<Key: CodingKey>(keyedBy type: Key.Type) throws -> KeyedDecodingContainer<Key> {
            throw FlatJSON.Unsuited()
        }
        func unkeyedContainer() throws -> any UnkeyedDecodingContainer { throw FlatJSON.Unsuited() }
        func singleValueContainer() throws -> any SingleValueDecodingContainer { self }

        func decodeNil() -> Bool { value == .null }
        func decode(_ type: String.Type) throws -> String { try value.text() }
        func decode<T: Decodable>(_ type: T.Type) throws -> T { throw FlatJSON.Unsuited() }
        func decode(_ type: Bool.Type) throws -> Bool { throw FlatJSON.Unsuited() }
        func decode(_ type: Double.Type) throws -> Double { throw FlatJSON.Unsuited() }
        func decode(_ type: Float.Type) throws -> Float { throw FlatJSON.Unsuited() }
        func decode(_ type: Int.Type) throws -> Int { throw FlatJSON.Unsuited() }
        func decode(_ type: Int8.Type) throws -> Int8 { throw FlatJSON.Unsuited() }
        func decode(_ type: Int16.Type) throws -> Int16 { throw FlatJSON.Unsuited() }
        func decode(_ type: Int32.Type) throws -> Int32 { throw FlatJSON.Unsuited() }
        func decode(_ type: Int64.Type) throws -> Int64 { throw FlatJSON.Unsuited() }
        func decode(_ type: UInt.Type) throws -> UInt { throw FlatJSON.Unsuited() }
        func decode(_ type: UInt8.Type) throws -> UInt8 { throw FlatJSON.Unsuited() }
        func decode(_ type: UInt16.Type) throws -> UInt16 { throw FlatJSON.Unsuited() }
        func decode(_ type: UInt32.Type) throws -> UInt32 { throw FlatJSON.Unsuited() }
        func decode(_ type: UInt64.Type) throws -> UInt64 { throw FlatJSON.Unsuited() }
    }
}

extension FlatJSON.Value {
    fileprivate func text() throws -> String {
        guard case .text(let text) = self else { throw FlatJSON.Unsuited() }
        return text
    }
}
