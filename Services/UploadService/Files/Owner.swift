import AccessTokens

/// Whose files: a principal within a tenant. Everything a caller can see is selected by it.
struct Owner: Hashable, Sendable {
    let tenant: String
    let name: String

    /// By their bytes, as the database compares: two spellings of one character are two owners.
    static func == (left: Owner, right: Owner) -> Bool {
        left.tenant.utf8.elementsEqual(right.tenant.utf8) && left.name.utf8.elementsEqual(right.name.utf8)
    }

    func hash(into hasher: inout Hasher) {
        for byte in tenant.utf8 { hasher.combine(byte) }
        for byte in name.utf8 { hasher.combine(byte) }
    }
}

extension Owner {
    init(_ caller: Caller) { self.init(tenant: caller.tenant, name: caller.principal) }
}
