/// One SQL statement with `$1`-style parameters. It is a `StaticString`, so interpolating a value into SQL does not compile.
///
/// Identity is the literal's address: it keys each connection's cache of prepared statements, so a statement should be a
/// `static let` or a literal at its one place of use. Parameter types are inferred by the server.
public struct Statement: Sendable, Hashable, ExpressibleByStringLiteral {
    public let sql: StaticString

    public init(stringLiteral sql: StaticString) { self.sql = sql }

    public static func == (left: Statement, right: Statement) -> Bool { left.identity == right.identity }
    public func hash(into hasher: inout Hasher) {
        hasher.combine(identity.place)
        hasher.combine(identity.count)
    }

    /// The text, for messages and for PREPARE.
    var text: String { sql.withUTF8Buffer { String(decoding: $0, as: UTF8.self) } }

    /// A one-character literal may be stored in place of a pointer; both forms are told apart by the count.
    private var identity: (place: UInt, count: UInt) {
        sql.hasPointerRepresentation
            ? (UInt(bitPattern: sql.utf8Start), UInt(bitPattern: sql.utf8CodeUnitCount))
            : (UInt(sql.unicodeScalar.value), 0)
    }
}

extension Statement {
    static let commit: Statement = "COMMIT"
    static let rollback: Statement = "ROLLBACK"
    static let ping: Statement = "SELECT 1"
}

/// A statement together with its values, ready to be sent with others in one round trip.
public struct BoundStatement: Sendable {
    let statement: Statement
    let values: [PostgresValue]

    public init(_ statement: Statement, _ values: any PostgresEncodable...) {
        self.init(statement, values: values)
    }

    /// The same with values whose number is known only at run time.
    public init(_ statement: Statement, values: [any PostgresEncodable]) {
        self.statement = statement
        self.values = values.map(\.postgresValue)
    }

    /// Refuses what the protocol cannot carry, before anything is sent.
    func validate() throws(DatabaseError) {
        guard values.count <= 65_535 else {
            throw .invalidValue(
                "\(values.count) parameters; PostgreSQL takes at most 65535 (pass arrays instead)"
            )
        }
        for (index, value) in values.enumerated() { try value.validate(parameter: index + 1) }
    }
}

/// How much a transaction sees of others that run beside it.
public enum Isolation: Sendable, CaseIterable {
    case readCommitted, repeatableRead, serializable

    var begin: Statement {
        switch self {
        case .readCommitted: "BEGIN ISOLATION LEVEL READ COMMITTED"
        case .repeatableRead: "BEGIN ISOLATION LEVEL REPEATABLE READ"
        case .serializable: "BEGIN ISOLATION LEVEL SERIALIZABLE"
        }
    }
}
