import AccessTokens

/// Whose files: a principal within a tenant. Everything a caller can see is selected by it.
struct Owner: Hashable, Sendable {
    let tenant: String
    let name: String
}

extension Owner {
    init(_ caller: Caller) { self.init(tenant: caller.tenant, name: caller.principal) }
}
