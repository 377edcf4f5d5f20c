/// What a caller may do beyond its own files.
public enum Role: String, Sendable, Hashable, CaseIterable {
    case user
    /// May run administration: consistency checks, cleanup, dead letters.
    case superuser
}

/// Who sent a request.
public struct Caller: Sendable, Hashable {
    public let tenant: String
    /// The owner of what it uploads; unique within the tenant.
    public let principal: String
    public let roles: Set<Role>

    public init(tenant: String, principal: String, roles: Set<Role>) {
        self.tenant = tenant
        self.principal = principal
        self.roles = roles
    }

    /// Of the canary's tenant, for which nobody speaks: whoever did would see its files.
    public var isCanary: Bool { tenant == CanaryTenant.name }
}

/// Turns a bearer token into its caller.
public protocol CallerAuthenticator: Sendable {
    /// Nil when the token is unknown, expired or withdrawn. Throws when that cannot be decided now; never guess then.
    func find(_ token: String) async throws -> Caller?
}
