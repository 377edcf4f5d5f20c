import ArgumentParser
import IdempotentInbox
import PostgresClient
import ServiceBootstrap

struct ParkedCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "parked",
        abstract: "Looks at records a consumer could not apply, and has them tried again.",
        subcommands: [List.self, Replay.self, Discard.self]
    )

    struct List: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Shows parked records, one line each, the oldest first."
        )

        @OptionGroup var database: DatabaseOption
        @OptionGroup var choice: ParkedChoice
        @Option(help: "At most so many.") var limit = 100
        @Flag(help: "As one JSON array, with headers and value (Base64).") var json = false

        func validate() throws {
            guard (1...100_000).contains(limit) else { throw ValidationError("--limit is 1 to 100000.") }
        }

        func run() async throws {
            let reports = try await database.use { pool throws(DatabaseError) in
                try await InboxStore.parked(choice.selection, limit: limit, on: pool).map(ParkedReport.init)
            }
            if json { try Output.say(json: reports) } else { reports.forEach { Output.say($0.text) } }
        }
    }

    struct Replay: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Has the running consumer apply parked records, in order.",
            discussion: """
                Of one key the oldest record goes first and all the others follow, also those that are not named. A record \
                that still cannot be applied stays, with what waits behind it.
                """
        )

        @OptionGroup var database: DatabaseOption
        @OptionGroup var choice: ParkedChoice
        @OptionGroup var answer: AnswerOptions

        func validate() throws { try choice.requireDecision() }

        func run() async throws {
            let report = try await database.use { pool throws(DatabaseError) in
                try await choice.note("parked.replayed", answer.why.reason, on: pool)
                let ids = try await InboxStore.requestReplay(choice.selection, on: pool)
                var open = ids.isEmpty ? 0 : try await InboxStore.underReplay(ids, on: pool)
                let time = SystemTime()
                let deadline = time.uptime + .seconds(answer.wait)
                while open > 0, time.uptime < deadline {
                    do { try await time.sleep(for: .milliseconds(200)) } catch { throw .cancelled }
                    open = try await InboxStore.underReplay(ids, on: pool)
                }
                let left = try await InboxStore.parked(ParkedSelection(ids: ids), limit: ids.count, on: pool)
                return ReplayReport(asked: ids.count, left: left)
            }
            guard report.asked > 0 else { throw ParkedChoice.nothingFits }
            if answer.json { try Output.say(json: report) } else { report.lines.forEach { Output.say($0) } }
            try report.complain(after: answer)
        }
    }

    struct Discard: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Deletes parked records for good, and prints them as list does.",
            discussion: "What waits behind a discarded record stays parked: replay it afterwards."
        )

        @OptionGroup var database: DatabaseOption
        @OptionGroup var choice: ParkedChoice
        @Flag(help: "As one JSON array, with headers and value (Base64): keep it.") var json = false
        @OptionGroup var why: ReasonOption

        func validate() throws { try choice.requireDecision() }

        func run() async throws {
            let reports = try await database.use { pool throws(DatabaseError) in
                try await choice.note("parked.discarded", why.reason, on: pool)
                return try await InboxStore.discard(choice.selection, on: pool).map(ParkedReport.init)
            }
            guard !reports.isEmpty else { throw ParkedChoice.nothingFits }
            if json { try Output.say(json: reports) } else { reports.forEach { Output.say($0.text) } }
        }
    }
}

/// Which parked records.
struct ParkedChoice: ParsableArguments {
    static let nothingFits = CommandFailure(sentence: "Nothing that is parked here fits.", exitCode: .refused)

    @Option(help: "Of this consumer only.") var consumer: String?
    @Option(help: "Of this key only: a file's id.") var key: String?
    @Option(help: "This record only, by the number list shows; may be given several times.") var id: [Int64] =
        []
    @Flag(help: "Whatever the other options leave.") var all = false

    var selection: ParkedSelection {
        ParkedSelection(consumer: consumer, key: key.map { Array($0.utf8) }, ids: id.isEmpty ? nil : id)
    }

    /// Before anything is done to them.
    fileprivate func note(
        _ action: String,
        _ reason: String,
        on pool: PostgresPool
    ) async throws(DatabaseError) {
        let ids = id.isEmpty ? nil : id.map { "\($0)" }.joined(separator: ",")
        let facts = ["consumer": consumer, "key": key, "ids": ids]
        try await OperatorAudit.note(action, of: key ?? "parked records", reason, facts, on: pool)
    }

    /// For what changes something: it must have been said to what.
    func requireDecision() throws {
        guard all || key != nil || !id.isEmpty else {
            throw ValidationError("Say which: --key KEY, --id NUMBER, or --all.")
        }
    }
}
