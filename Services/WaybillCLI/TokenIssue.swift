import AccessTokens
import AuditTrail
import Digests
import PostgresClient

/// One token in the databases of several services. There is no transaction over them, so what happened where is said.
struct TokenIssue {
    let token: String
    let databases: [Database]
    let reason: String

    /// Stores the token's digest everywhere, or withdraws it where it was stored and says what happened.
    /// A token that is not stored everywhere is shown to nobody.
    func create(for caller: Caller) async throws(CommandFailure) {
        for (index, database) in databases.enumerated() {
            do throws(DatabaseError) {
                try await database.withPool { pool throws(DatabaseError) in
                    try await note("token.issued", Self.facts(of: caller), on: pool)
                    try await TokenStore(pool).insert(token, for: caller)
                }
            } catch {
                let withdrawal = await withdraw(from: databases.prefix(index))
                let failure = CommandFailure(error, database: database.label)
                throw CommandFailure(
                    sentence: "No token was made, because \(failure.sentence)\(withdrawal)",
                    exitCode: failure.exitCode
                )
            }
        }
    }

    /// - Returns: a sentence, or nothing when there is nothing to tell.
    private func withdraw(from stored: ArraySlice<Database>) async -> String {
        guard !stored.isEmpty else { return "" }
        var left: [String] = []
        for database in stored {
            do throws(DatabaseError) { _ = try await revoke(in: database) } catch {
                left.append(database.label)
            }
        }
        guard !left.isEmpty else { return " What had been stored in \(names(stored)) is revoked." }
        return " \(left.joined(separator: ", ")) still has it, but it was shown to nobody."
    }

    /// Revokes the token wherever it can be reached.
    ///
    /// - Returns: what happened, when the token is valid nowhere any more.
    func revoke() async throws(CommandFailure) -> String {
        var revoked: [Database] = []
        var unknown: [Database] = []
        var failures: [(database: Database, error: DatabaseError)] = []
        for database in databases {
            do throws(DatabaseError) {
                if try await revoke(in: database) {
                    revoked.append(database)
                } else {
                    unknown.append(database)
                }
            } catch { failures.append((database, error)) }
        }
        let done = revoked.isEmpty ? "" : "Revoked in \(names(revoked[...]))."
        if let first = failures.first {
            let failure = CommandFailure(first.error, database: first.database.label)
            let open = failures.map(\.database.label).joined(separator: ", ")
            throw CommandFailure(
                sentence: "The token may still be valid in \(open): \(failure.sentence) \(done)".trimmed,
                exitCode: failure.exitCode
            )
        }
        guard !revoked.isEmpty else {
            throw CommandFailure(
                sentence: "No database named has this token, or it was revoked before.",
                exitCode: .refused
            )
        }
        return unknown.isEmpty ? done : "\(done) Not known, or revoked before, in \(names(unknown[...]))."
    }

    private func revoke(in database: Database) async throws(DatabaseError) -> Bool {
        try await database.withPool { pool throws(DatabaseError) in
            try await note("token.revoked", [:], on: pool)
            return try await TokenStore(pool).revoke(token)
        }
    }

    private func note(
        _ action: String,
        _ facts: [String: String?],
        on pool: PostgresPool
    ) async throws(DatabaseError) {
        try await OperatorAudit.note(action, of: mark, reason, facts, on: pool)
    }

    private static func facts(of caller: Caller) -> [String: String?] {
        [
            "tenant": caller.tenant, "principal": caller.principal,
            "roles": caller.roles.map(\.rawValue).sorted().joined(separator: ","),
        ]
    }

    /// Names the token without telling it: the beginning of the digest the database keeps.
    private var mark: String { "token \(Digest256.of(token).hex.prefix(16))" }

    private func names(_ databases: ArraySlice<Database>) -> String {
        databases.map(\.label).joined(separator: ", ")
    }
}

extension String {
    fileprivate var trimmed: String { hasSuffix(" ") ? String(dropLast()) : self }
}
