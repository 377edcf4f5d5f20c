public import Determinism

public import struct FoundationEssentials.UUID

/// One row; columns are numbered from 0. Every getter throws `.unexpectedResult` for a column that does not exist, is NULL or
/// is of a type the getter does not read; the `optional…` getters answer nil for NULL.
public struct Row: Sendable {
    let result: ResultHandle
    let index: Int

    public func isNull(_ column: Int) throws(DatabaseError) -> Bool {
        try read(column, as: "any") { _, _ in true } == nil
    }

    /// Text as it is; numbers, booleans (`t`, `f`), UUIDs, timestamps (RFC 3339), dates, JSON, xid8 and pg_snapshot in their text form.
    /// Other types: cast to text in the statement.
    public func text(_ column: Int) throws(DatabaseError) -> String {
        try present(optionalText(column), column)
    }
    public func optionalText(_ column: Int) throws(DatabaseError) -> String? {
        try read(column, as: "text", FieldDecoder.text)
    }

    /// Any integer type, oid, xid8, or a numeric without fraction, as long as it fits.
    public func int64(_ column: Int) throws(DatabaseError) -> Int64 {
        try present(optionalInt64(column), column)
    }
    public func optionalInt64(_ column: Int) throws(DatabaseError) -> Int64? {
        try read(column, as: "integer", FieldDecoder.int64)
    }

    public func int(_ column: Int) throws(DatabaseError) -> Int { try present(optionalInt(column), column) }
    public func optionalInt(_ column: Int) throws(DatabaseError) -> Int? {
        try read(column, as: "integer") { FieldDecoder.int64($0, $1).flatMap { Int(exactly: $0) } }
    }

    public func double(_ column: Int) throws(DatabaseError) -> Double {
        try present(optionalDouble(column), column)
    }
    public func optionalDouble(_ column: Int) throws(DatabaseError) -> Double? {
        try read(column, as: "double precision", FieldDecoder.double)
    }

    public func bool(_ column: Int) throws(DatabaseError) -> Bool {
        try present(optionalBool(column), column)
    }
    public func optionalBool(_ column: Int) throws(DatabaseError) -> Bool? {
        try read(column, as: "boolean", FieldDecoder.bool)
    }

    public func uuid(_ column: Int) throws(DatabaseError) -> UUID {
        try present(optionalUUID(column), column)
    }
    public func optionalUUID(_ column: Int) throws(DatabaseError) -> UUID? {
        try read(column, as: "uuid", FieldDecoder.uuid)
    }

    /// A timestamptz; `infinity` is not representable and throws.
    public func timestamp(_ column: Int) throws(DatabaseError) -> Timestamp {
        try present(optionalTimestamp(column), column)
    }
    public func optionalTimestamp(_ column: Int) throws(DatabaseError) -> Timestamp? {
        try read(column, as: "timestamptz", FieldDecoder.timestamp)
    }

    /// A bytea.
    public func bytes(_ column: Int) throws(DatabaseError) -> [UInt8] {
        try present(optionalBytes(column), column)
    }
    public func optionalBytes(_ column: Int) throws(DatabaseError) -> [UInt8]? {
        try read(column, as: "bytea") { bytes, type in type == .bytea ? Array(bytes) : nil }
    }

    /// A one-dimensional array of anything `text` reads. A NULL element throws.
    public func textArray(_ column: Int) throws(DatabaseError) -> [String] {
        try present(optionalTextArray(column), column)
    }
    public func optionalTextArray(_ column: Int) throws(DatabaseError) -> [String]? {
        try read(column, as: "text[]") { bytes, _ in FieldDecoder.array(bytes, FieldDecoder.text) }
    }

    /// A `text[]` that is passed on unread. A NULL element throws.
    public func packedTexts(_ column: Int) throws(DatabaseError) -> PackedTexts {
        try present(read(column, as: "text[]") { bytes, _ in FieldDecoder.packedTexts(bytes) }, column)
    }

    /// A one-dimensional array of anything `int64` reads. A NULL element throws.
    public func int64Array(_ column: Int) throws(DatabaseError) -> [Int64] {
        try present(optionalInt64Array(column), column)
    }
    public func optionalInt64Array(_ column: Int) throws(DatabaseError) -> [Int64]? {
        try read(column, as: "bigint[]") { bytes, _ in FieldDecoder.array(bytes, FieldDecoder.int64) }
    }

    /// A one-dimensional array of bytea. A NULL element throws.
    public func bytesArray(_ column: Int) throws(DatabaseError) -> [[UInt8]] {
        let array = try read(column, as: "bytea[]") { bytes, _ in
            FieldDecoder.array(bytes) { field, type in type == .bytea ? Array(field) : nil }
        }
        return try present(array, column)
    }

    /// - Returns: nil for NULL.
    private func read<Value>(
        _ column: Int,
        as expected: StaticString,
        _ decode: (UnsafeRawBufferPointer, PostgresType) -> Value?
    ) throws(DatabaseError) -> Value? {
        guard index >= 0, index < result.rowCount else {
            throw .unexpectedResult("there is no row \(index); the result has \(result.rowCount)")
        }
        guard column >= 0, column < result.columnCount else {
            throw .unexpectedResult("there is no column \(column); the result has \(result.columnCount)")
        }
        let type = result.type(column: column)
        switch result.withField(row: index, column: column, { decode($0, type) }) {
        case nil: return nil
        case .some(.some(let value)): return value
        case .some(nil):
            throw .unexpectedResult("column \(column) (type \(type.rawValue)) cannot be read as \(expected)")
        }
    }

    private func present<Value>(_ value: Value?, _ column: Int) throws(DatabaseError) -> Value {
        guard let value else { throw .unexpectedResult("column \(column) is NULL") }
        return value
    }
}
