/// How to reach one database, and the limits of a pool.
public struct PostgresSettings: Sendable {
    /// A libpq URI or keyword list; every libpq option applies, TLS included (`sslmode`, `sslrootcert` …).
    /// A host name is looked up on the pool's I/O thread and stalls it meanwhile: prefer `hostaddr`, or a resolver that answers at once.
    public var conninfo: String
    /// Connections a pool opens at most; LISTEN has its own beside them.
    public var connectionLimit = 8
    /// How long a caller waits for a connection before it gets `.unavailable`.
    public var leaseWaitLimit: Duration = .seconds(5)
    /// The server cancels a statement after this time; when it does not answer 500 ms later the connection is closed.
    public var statementTimeout: Duration = .seconds(10)
    /// A transaction that has lasted longer gets `.timedOut` at its next statement.
    public var leaseLimit: Duration = .seconds(60)
    /// The server ends a transaction whose client sends nothing for this long (or for `leaseLimit`, when that is shorter).
    /// Bodies wait for nothing but SQL, so this client is frozen or cut off, and others wait for its locks.
    public var idleLimit: Duration = .seconds(10)
    public var connectTimeout: Duration = .seconds(5)
    /// Shown in pg_stat_activity unless `conninfo` says otherwise.
    public var applicationName: String
    /// Becomes the `search_path` of every connection.
    public var schema: String?

    public init(conninfo: String, applicationName: String) {
        self.conninfo = conninfo
        self.applicationName = applicationName
    }
}

/// `conninfo` may hold a password, so it is never printed.
extension PostgresSettings: CustomStringConvertible, CustomReflectable {
    public var description: String { "PostgresSettings(\(applicationName), conninfo: <secret>)" }
    public var customMirror: Mirror { Mirror(self, children: ["applicationName": applicationName]) }
}

/// Quotes a name for use in SQL text.
func quotedIdentifier(_ name: String) throws(DatabaseError) -> String {
    guard !name.isEmpty, !name.utf8.contains(0) else { throw .invalidValue("not a usable SQL name") }
    var quoted = "\""
    for character in name.unicodeScalars {
        if character == "\"" { quoted.unicodeScalars.append(character) }
        quoted.unicodeScalars.append(character)
    }
    return quoted + "\""
}
