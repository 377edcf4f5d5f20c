import ArgumentParser
import AuditTrail
import Determinism
import Digests
import PostgresClient

struct AuditCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "audit",
        abstract: "Reads the audit trail of a database, and proves that nobody has changed it.",
        subcommands: [List.self, Verify.self]
    )

    struct List: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Shows the newest records, one line each, the oldest first."
        )

        @OptionGroup var database: DatabaseOption
        @Option(help: "Records about this subject only.") var subject: String?
        @Option(help: "Records after this number, instead of the newest.") var after: Int64?
        @Option(help: "At most so many.") var limit = 100
        @Flag(help: "As JSON, one object a line.") var json = false

        func validate() throws {
            guard (1...1_000).contains(limit) else { throw ValidationError("--limit is 1 to 1000.") }
            guard (after ?? 0) >= 0 else { throw ValidationError("--after is 0 or more.") }
        }

        func run() async throws {
            let records = try await database.use { pool throws(DatabaseError) in
                var start = after ?? 0
                if after == nil, subject == nil {
                    start = max(0, try await AuditTrail.newest(on: pool) - Int64(limit))
                }
                return try await AuditTrail.records(after: start, subject: subject, limit: limit, on: pool)
            }
            for record in records.map(AuditReport.init) {
                if json { try Output.say(json: record) } else { Output.say(record.text) }
            }
        }
    }

    struct Verify: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Computes the whole trail anew.",
            discussion: """
                Prints an anchor, COUNT:DIGEST. Keep it outside the database: given the next time with --anchor, it shows \
                also that nobody has computed the whole trail anew. Exit code 1 when the trail does not hold.
                """
        )

        @OptionGroup var database: DatabaseOption
        @Option(
            help: "What verify printed before; may be given several times.",
            transform: { text in
                guard let anchor = AuditAnchor(text) else {
                    throw ValidationError("An anchor is a count, a colon and 64 hexadecimal digits.")
                }
                return anchor
            }
        )
        var anchor: [AuditAnchor] = []

        func run() async throws {
            // Read once for each, so that none is taken for granted.
            let verdicts = try await database.use { pool throws(DatabaseError) in
                var verdicts = [try await AuditTrail.verify(on: pool)]
                for anchor in anchor {
                    verdicts.append(try await AuditTrail.verify(on: pool, anchor: anchor))
                }
                return verdicts
            }
            if let broken = verdicts.first(where: { !$0.isIntact }) {
                throw CommandFailure(
                    sentence:
                        "The audit trail is broken at record \(broken.brokenAt ?? 0): \(broken.defect ?? "").",
                    exitCode: .refused
                )
            }
            Output.say(verdicts.first?.anchor?.description ?? "")
        }
    }
}

/// A record as scripts read it.
struct AuditReport: Encodable, Sendable {
    let number: Int64
    let recordedAt: String
    let actor: String
    let action: String
    let subject: String
    let reason: String
    let before: String?
    let after: String?
    let digest: String

    enum CodingKeys: String, CodingKey {
        case number, actor, action, subject, reason, before, after, digest
        case recordedAt = "recorded_at"
    }

    init(_ record: AuditRecord) {
        number = record.number
        recordedAt = record.recordedAt.rfc3339
        actor = record.entry.actor
        action = record.entry.action
        subject = record.entry.subject
        reason = record.entry.reason
        before = record.entry.before
        after = record.entry.after
        digest = record.digest.hex
    }

    /// What others wrote may hold anything; a terminal gets it without control characters.
    var text: String {
        plain(
            "\(number) \(recordedAt) \(actor) \(action) \(subject): \(reason)"
                + (before.map { " before \($0)" } ?? "") + (after.map { " after \($0)" } ?? "")
        )
    }
}
