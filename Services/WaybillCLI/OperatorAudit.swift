import ArgumentParser
import AuditTrail
import Glibc
import PostgresClient

/// What an operator does by hand is written down before it is done.
enum OperatorAudit {
    /// - Parameter facts: what the action was asked to do; never a secret.
    static func note(
        _ action: String,
        of subject: String,
        _ reason: String,
        _ facts: [String: String?],
        on pool: PostgresPool
    ) async throws(DatabaseError) {
        try await AuditTrail.append(
            AuditEntry(
                actor: actor,
                action: action,
                subject: subject,
                reason: reason,
                after: AuditEntry.object(facts)
            ),
            on: pool
        )
    }

    /// `cli:` and the user of the operating system; its number when it has no name here.
    static var actor: String {
        let id = geteuid()
        var entry = passwd()
        var found: UnsafeMutablePointer<passwd>?
        var buffer = [CChar](repeating: 0, count: 16_384)
        guard getpwuid_r(id, &entry, &buffer, buffer.count, &found) == 0, found != nil,
            let name = entry.pw_name
        else { return "cli:uid \(id)" }
        return "cli:\(String(cString: name))"
    }
}

/// `--reason`, for what changes something.
struct ReasonOption: ParsableArguments {
    @Option(help: "Why; it stays in the audit trail.") var reason = "by hand"
}
