internal import Determinism
internal import Glibc

internal import struct FoundationEssentials.UUID
internal import typealias FoundationEssentials.uuid_t

/// From PostgreSQL's binary formats (the `…send` functions of src/backend/utils/adt) to Swift values.
/// Each function answers nil when the bytes or the type are not what it reads.
enum FieldDecoder {
    typealias Bytes = UnsafeRawBufferPointer

    static func text(_ bytes: Bytes, _ type: PostgresType) -> String? {
        switch type {
        case .text, .varchar, .bpchar, .name, .json, .xml, .unknown, .internalChar: return utf8(bytes)
        case .jsonb: return bytes.first == 1 ? utf8(Bytes(rebasing: bytes.dropFirst())) : nil
        case .bool: return bool(bytes, type).map { $0 ? "t" : "f" }
        case .int2, .int4, .int8, .oid, .xid: return int64(bytes, type).map { String($0) }
        case .xid8: return integer(bytes, as: UInt64.self).map { String($0) }
        case .pgSnapshot, .txidSnapshot: return snapshot(bytes)
        case .uuid: return uuid(bytes, type)?.text
        case .timestamptz: return timestamp(bytes, type)?.rfc3339
        case .date: return date(bytes)
        case .float4, .float8: return double(bytes, type)?.description
        case .numeric: return Numeric(bytes)?.text
        case .void: return ""
        default: return type.rawValue >= PostgresType.firstUserDefined ? userDefinedText(bytes) : nil
        }
    }

    static func int64(_ bytes: Bytes, _ type: PostgresType) -> Int64? {
        switch type {
        case .int2: integer(bytes, as: Int16.self).map { Int64($0) }
        case .int4: integer(bytes, as: Int32.self).map { Int64($0) }
        case .int8: integer(bytes, as: Int64.self)
        case .oid, .xid: integer(bytes, as: UInt32.self).map { Int64($0) }
        case .xid8: integer(bytes, as: UInt64.self).flatMap { Int64(exactly: $0) }
        case .numeric: Numeric(bytes).flatMap { Int64($0.text) }
        default: nil
        }
    }

    static func double(_ bytes: Bytes, _ type: PostgresType) -> Double? {
        switch type {
        case .float4: integer(bytes, as: UInt32.self).map { Double(Float(bitPattern: $0)) }
        case .float8: integer(bytes, as: UInt64.self).map { Double(bitPattern: $0) }
        case .numeric: Numeric(bytes).flatMap { Double($0.text) }
        default: int64(bytes, type).map { Double($0) }
        }
    }

    static func bool(_ bytes: Bytes, _ type: PostgresType) -> Bool? {
        type == .bool && bytes.count == 1 ? bytes[0] != 0 : nil
    }

    static func uuid(_ bytes: Bytes, _ type: PostgresType) -> UUID? {
        guard type == .uuid, bytes.count == 16 else { return nil }
        return UUID(uuid: bytes.loadUnaligned(as: uuid_t.self))
    }

    static func timestamp(_ bytes: Bytes, _ type: PostgresType) -> Timestamp? {
        guard type == .timestamptz, let value = integer(bytes, as: Int64.self) else { return nil }
        // The two ends of the range are -infinity and infinity.
        guard value != .min, value != .max else { return nil }
        let (micros, overflow) = value.addingReportingOverflow(postgresEpochMicroseconds)
        return overflow ? nil : Timestamp(microsecondsSinceEpoch: micros)
    }

    /// Reads what `array_send` writes: dimension count, NULL flag, element type, (length, lower bound), elements.
    static func array<Element>(
        _ bytes: Bytes,
        _ element: (Bytes, PostgresType) -> Element?
    ) -> [Element]? {
        var elements: [Element] = []
        let isWhole = eachElement(of: bytes) { field, type in
            guard let value = element(field, type) else { return false }
            elements.append(value)
            return true
        }
        return isWhole ? elements : nil
    }

    /// The elements of a `text[]` as they are.
    static func packedTexts(_ bytes: Bytes) -> PackedTexts? {
        var packed = PackedTexts()
        packed.bytes.reserveCapacity(bytes.count)
        packed.ends.reserveCapacity(16)
        let isWhole = eachElement(of: bytes) { field, type in
            guard type == .text else { return false }
            packed.bytes.append(contentsOf: field)
            packed.ends.append(packed.bytes.count)
            return true
        }
        return isWhole ? packed : nil
    }

    /// - Parameter visit: answers false to give up.
    /// - Returns: false when the bytes are not a one-dimensional array without NULL, or `visit` gave up.
    private static func eachElement(of bytes: Bytes, _ visit: (Bytes, PostgresType) -> Bool) -> Bool {
        var reader = ByteReader(bytes)
        guard let dimensionCount = reader.read(Int32.self), reader.read(Int32.self) != nil,
            let type = reader.read(UInt32.self)
        else { return false }
        guard dimensionCount > 0 else { return dimensionCount == 0 }
        guard dimensionCount == 1, let count = reader.read(Int32.self), reader.read(Int32.self) != nil
        else { return false }
        for _ in 0..<max(0, count) {
            guard let byteCount = reader.read(Int32.self), byteCount >= 0,
                let field = reader.take(Int(byteCount)), visit(field, PostgresType(type))
            else { return false }
        }
        return true
    }

    private static func integer<Value: FixedWidthInteger>(_ bytes: Bytes, as: Value.Type) -> Value? {
        guard bytes.count == MemoryLayout<Value>.size else { return nil }
        return Value(bigEndian: bytes.loadUnaligned(as: Value.self))
    }

    /// Not `String(validating:as:)`, which looks its types up at run time for each call. What is not UTF-8 is repaired, and is
    /// not what was sent any more.
    private static func utf8(_ bytes: Bytes) -> String? {
        var text = String(decoding: bytes.assumingMemoryBound(to: UInt8.self), as: UTF8.self)
        let isSame = text.withUTF8 { copy in
            guard copy.count == bytes.count, let left = copy.baseAddress, let right = bytes.baseAddress else {
                return copy.isEmpty && bytes.isEmpty
            }
            return memcmp(left, right, copy.count) == 0
        }
        return isSame ? text : nil
    }

    /// Enums send their label. Composites, ranges and hstore begin with counts or flags, so a control character gives them away.
    private static func userDefinedText(_ bytes: Bytes) -> String? {
        bytes.contains { $0 < 0x20 && $0 != 0x09 && $0 != 0x0A && $0 != 0x0D } ? nil : utf8(bytes)
    }

    /// `xmin:xmax:xip,xip`, as `pg_snapshot_out` writes it.
    private static func snapshot(_ bytes: Bytes) -> String? {
        var reader = ByteReader(bytes)
        guard let count = reader.read(Int32.self), let low = reader.read(UInt64.self),
            let high = reader.read(UInt64.self)
        else { return nil }
        var running: [String] = []
        for _ in 0..<max(0, count) {
            guard let transaction = reader.read(UInt64.self) else { return nil }
            running.append(String(transaction))
        }
        return "\(low):\(high):\(running.joined(separator: ","))"
    }

    private static func date(_ bytes: Bytes) -> String? {
        guard let days = integer(bytes, as: Int32.self), days != .min, days != .max else { return nil }
        return CivilDate(daysSinceEpoch: Int64(days) + 10_957).text
    }
}
