import Determinism
import Digests
public import PostgresClient

/// Every statement that touches `access_tokens`. Only digests are stored: a copy of the table opens nothing.
public struct TokenStore: CallerAuthenticator {
    /// The table, for a service's migrations. Frozen: a change is a new migration.
    public static let schema = """
        CREATE TABLE access_tokens (
            token_sha256 bytea       PRIMARY KEY CHECK (octet_length(token_sha256) = 32),
            tenant       text        NOT NULL CHECK (tenant ~ '^[a-z0-9-]{1,63}$'),
            principal    text        NOT NULL CHECK (octet_length(principal) BETWEEN 1 AND 255),
            roles        text[]      NOT NULL,
            created_at   timestamptz NOT NULL DEFAULT clock_timestamp(),
            revoked_at   timestamptz
        );
        """

    private static let find: Statement = """
        SELECT token_sha256, tenant, principal, roles
          FROM access_tokens WHERE token_sha256 = ANY ($1) AND revoked_at IS NULL
        """
    private static let insert: Statement = """
        INSERT INTO access_tokens (token_sha256, tenant, principal, roles) VALUES ($1, $2, $3, $4::text[])
        """
    private static let revoke: Statement = """
        UPDATE access_tokens SET revoked_at = clock_timestamp() WHERE token_sha256 = $1 AND revoked_at IS NULL
        """

    private let pool: PostgresPool
    private let lookup: SharedLookup<[UInt8], Result<Caller, DatabaseError>, DatabaseError>

    public init(_ pool: PostgresPool) {
        self.pool = pool
        lookup = SharedLookup(on: pool.taskExecutor) { digests throws(DatabaseError) in
            try Self.callers(try await pool.query(Self.find, Array(digests)))
        }
    }

    public func find(_ token: String) async throws -> Caller? {
        try await lookup.find(Self.digest(of: token))?.get()
    }

    /// The question for callers, by the digests of their tokens, for whoever asks something else with it.
    public static func finding(_ digests: [[UInt8]]) -> BoundStatement { BoundStatement(find, digests) }

    /// What `finding` was answered, by digest. A row that cannot be read fails its own token, no other.
    public static func callers(_ rows: Rows) throws(DatabaseError) -> [[UInt8]: Result<Caller, DatabaseError>]
    {
        var callers: [[UInt8]: Result<Caller, DatabaseError>] = [:]
        for row in rows {
            let found = Result { () throws(DatabaseError) in try caller(row) }
            if case .success(let caller) = found, caller.isCanary { continue }
            callers[try row.bytes(0)] = found
        }
        return callers
    }

    private static func caller(_ row: Row) throws(DatabaseError) -> Caller {
        // A role this program does not know grants nothing.
        let roles = try row.textArray(3).compactMap(Role.init(rawValue:))
        return Caller(tenant: try row.text(1), principal: try row.text(2), roles: Set(roles))
    }

    /// Lets `token` speak for `caller`. The same token may be stored in the database of each service.
    ///
    /// - Throws: `.invalidValue` for the canary's tenant: nothing was stored.
    public func insert(_ token: String, for caller: Caller) async throws(DatabaseError) {
        guard !caller.isCanary else { throw .invalidValue("the tenant \(caller.tenant) is nobody's") }
        _ = try await pool.execute(
            Self.insert,
            Self.digest(of: token),
            caller.tenant,
            caller.principal,
            caller.roles.map(\.rawValue).sorted()
        )
    }

    /// - Returns: false when there is no such token, or it was revoked before.
    public func revoke(_ token: String) async throws(DatabaseError) -> Bool {
        try await pool.execute(Self.revoke, Self.digest(of: token)) == 1
    }

    /// By which a token is known here.
    public static func digest(of token: String) -> [UInt8] { Digest256.of(Array(token.utf8)).bytes }
}
