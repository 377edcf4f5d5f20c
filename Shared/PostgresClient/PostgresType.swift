/// A type's object id. Built-in ones are the same in every PostgreSQL. Source: src/include/catalog/pg_type.dat.
public struct PostgresType: RawRepresentable, Hashable, Sendable {
    public let rawValue: UInt32
    public init(rawValue: UInt32) { self.rawValue = rawValue }
    init(_ rawValue: UInt32) { self.rawValue = rawValue }

    static let bool = PostgresType(16)
    static let bytea = PostgresType(17)
    static let internalChar = PostgresType(18)
    static let name = PostgresType(19)
    static let int8 = PostgresType(20)
    static let int2 = PostgresType(21)
    static let int4 = PostgresType(23)
    static let text = PostgresType(25)
    static let oid = PostgresType(26)
    static let xid = PostgresType(28)
    static let json = PostgresType(114)
    static let xml = PostgresType(142)
    static let float4 = PostgresType(700)
    static let float8 = PostgresType(701)
    static let unknown = PostgresType(705)
    static let bpchar = PostgresType(1042)
    static let varchar = PostgresType(1043)
    static let date = PostgresType(1082)
    static let timestamp = PostgresType(1114)
    static let timestamptz = PostgresType(1184)
    static let numeric = PostgresType(1700)
    static let void = PostgresType(2278)
    static let uuid = PostgresType(2950)
    static let jsonb = PostgresType(3802)
    static let regclass = PostgresType(2205)
    static let pgLSN = PostgresType(3220)
    static let pgSnapshot = PostgresType(5038)
    static let txidSnapshot = PostgresType(2970)
    static let xid8 = PostgresType(5069)

    /// Object ids of types made by users: enums, composites. Below are the built-in ones.
    static let firstUserDefined: UInt32 = 16_384
}

/// PostgreSQL counts microseconds from 2000-01-01T00:00:00Z.
let postgresEpochMicroseconds: Int64 = 946_684_800_000_000
