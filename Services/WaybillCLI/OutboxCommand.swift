import ArgumentParser
import Determinism
import PostgresClient
import ServiceBootstrap
import TransactionalOutbox

struct OutboxCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "outbox",
        abstract: "Looks at an outbox and asks its relay for things.",
        subcommands: [Republish.self, Unpark.self, Status.self, ReleaseHold.self]
    )

    struct Republish: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Publishes rows once more that are still in the outbox: refills a topic that was lost."
        )

        @OptionGroup var database: DatabaseOption
        @OptionGroup var answer: AnswerOptions
        @Option(help: "Rows of this key only.") var key: String?
        @Option(
            help: "Rows appended at or after this instant (RFC 3339) only.",
            transform: { text in
                guard let instant = Timestamp(rfc3339: text) else {
                    throw ValidationError("An instant looks like 2026-11-21T09:30:00Z.")
                }
                return instant
            }
        )
        var since: Timestamp?

        func run() async throws {
            try await answer.ask(.republish, key: key, since: since, database)
        }
    }

    struct Unpark: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Tries to publish parked rows again, in order."
        )

        @OptionGroup var database: DatabaseOption
        @OptionGroup var answer: AnswerOptions
        @Option(help: "Rows of this key only.") var key: String?

        func run() async throws {
            try await answer.ask(.unpark, key: key, since: nil, database)
        }
    }

    struct Status: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Shows how far the relay is behind, and what cannot be published."
        )

        @OptionGroup var database: DatabaseOption
        @Flag(help: "As one JSON object.") var json = false

        func run() async throws {
            let report = try await database.use { pool throws(DatabaseError) in
                OutboxReport(try await TickStore(pool).status(), try await TickStore(pool).holds())
            }
            if json { try Output.say(json: report) } else { Output.say(report.text) }
        }
    }
}

/// `outbox release-hold`
struct ReleaseHold: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Ends a hold that keeps the outbox from turning its partitions.",
        discussion: """
            Rows that the holder has not noted may go then. Its owner makes it anew when it runs again; versions that were \
            not noted as published are told again.
            """
    )

    @OptionGroup var database: DatabaseOption
    @OptionGroup var why: ReasonOption
    @Argument(help: "The name, as outbox status shows it.") var name: String

    func run() async throws {
        let isReleased = try await database.use { pool throws(DatabaseError) in
            try await OperatorAudit.note("outbox.hold_released", of: name, why.reason, [:], on: pool)
            return try await HoldStore(name, on: pool).release()
        }
        guard isReleased else {
            throw CommandFailure(sentence: "There is no hold \(name) here.", exitCode: .refused)
        }
        Output.say("\(name) holds nothing any more")
    }
}

/// How long to wait for the relay, and how to show what it answers.
struct AnswerOptions: ParsableArguments {
    @Option(help: "Seconds to wait for the relay's answer; 0 only asks.") var wait = 30
    @Flag(help: "As one JSON object.") var json = false
    @OptionGroup var why: ReasonOption

    func validate() throws {
        guard (0...86_400).contains(wait) else { throw ValidationError("--wait is 0 to 86400 seconds.") }
    }

    /// Leaves the request in the outbox's database, where the leading relay finds it, and waits for the answer.
    fileprivate func ask(
        _ kind: OutboxRequest.Kind,
        key: String?,
        since: Timestamp?,
        _ database: DatabaseOption
    ) async throws {
        let time = SystemTime()
        let deadline = time.uptime + .seconds(wait)
        let answer = try await database.use { pool throws(DatabaseError) in
            let ticks = TickStore(pool)
            try await OperatorAudit.note(
                "outbox.\(kind.rawValue.lowercased())",
                of: key ?? "all keys",
                why.reason,
                ["since": since?.rfc3339],
                on: pool
            )
            let request = try await ticks.submit(kind, key: key, since: since)
            var result = try await ticks.result(of: request)
            while result == nil, time.uptime < deadline {
                do { try await time.sleep(for: .milliseconds(200)) } catch { throw .cancelled }
                result = try await ticks.result(of: request)
            }
            return RelayAnswer(request: request, result: result)
        }
        if json { try Output.say(json: answer) } else if let result = answer.result { Output.say(result) }
        guard answer.result == nil, wait > 0 || !json else { return }
        throw CommandFailure(
            sentence: "No relay has answered within \(wait) s; request \(answer.request) stays and is served "
                + "when a relay that leads this outbox is idle.",
            exitCode: .notYet
        )
    }
}
