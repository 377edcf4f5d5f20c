internal import Glibc

/// A parameter on its way to the server.
///
/// Scalars travel as text and take the type the server infers; bytes and arrays travel in binary.
public enum PostgresValue: Hashable, Sendable {
    case null
    /// The type's PostgreSQL text form.
    case text(String)
    /// A `bytea`.
    case bytes([UInt8])
    /// The binary form of a one-dimensional array.
    case array([UInt8])
    /// Cannot be sent; the reason becomes `.invalidValue`.
    case invalid(String)

    /// PostgreSQL's own limit for one field is 1 GiB.
    static let byteLimit = 1 << 30

    func validate(parameter number: Int) throws(DatabaseError) {
        switch self {
        case .null: return
        case .text(let text):
            guard !text.hasNUL else {
                throw .invalidValue(
                    "parameter $\(number) contains a NUL character, which PostgreSQL text cannot hold"
                )
            }
            try Self.checkSize(text.utf8.count, number)
        case .bytes(let bytes), .array(let bytes): try Self.checkSize(bytes.count, number)
        case .invalid(let reason): throw .invalidValue("parameter $\(number): \(reason)")
        }
    }

    private static func checkSize(_ count: Int, _ number: Int) throws(DatabaseError) {
        guard count < byteLimit else {
            throw .invalidValue("parameter $\(number) has \(count) bytes; the limit is \(byteLimit)")
        }
    }
}

/// What can be passed as `$1`.
public protocol PostgresEncodable: Sendable {
    var postgresValue: PostgresValue { get }
}

extension String {
    /// What PostgreSQL's text cannot hold.
    var hasNUL: Bool {
        utf8.withContiguousStorageIfAvailable { bytes in
            bytes.baseAddress.map { memchr($0, 0, bytes.count) != nil } ?? false
        } ?? utf8.contains(0)
    }
}
