import ArgumentParser
import IdempotentInbox
import PostgresClient

struct OffsetsCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "offsets",
        abstract: "Looks at and resets how far consumers have come.",
        subcommands: [Show.self, Reset.self]
    )

    struct Show: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Shows the next offset of every partition, one line each."
        )

        @OptionGroup var database: DatabaseOption
        @Option(help: "This consumer only.") var consumer: String?
        @Flag(help: "As one JSON array.") var json = false

        func run() async throws {
            let reports = try await database.use { pool throws(DatabaseError) in
                try await InboxStore.positions(consumer: consumer, on: pool).map(OffsetReport.init)
            }
            if json { try Output.say(json: reports) } else { reports.forEach { Output.say($0.text) } }
        }
    }

    struct Reset: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Lets a consumer read its topics from the start once more.",
            discussion: "What was applied before is recognised and not applied again."
        )

        @OptionGroup var database: DatabaseOption
        @Option(help: "The consumer's name, as offsets show prints it.") var consumer: String
        @Option(help: "This topic only.") var topic: String?
        @OptionGroup var why: ReasonOption
        @Flag(help: "As one JSON object.") var json = false

        func run() async throws {
            let count = try await database.use { pool throws(DatabaseError) in
                try await OperatorAudit.note(
                    "offsets.reset",
                    of: consumer,
                    why.reason,
                    ["topic": topic],
                    on: pool
                )
                var count = 0
                for topic in try await topics(on: pool) {
                    count += try await InboxStore.reset(consumer: consumer, topic: topic, on: pool).count
                }
                return count
            }
            guard count > 0 else {
                throw CommandFailure(
                    sentence: "\(consumer) has no offsets here" + (topic.map { " for \($0)." } ?? "."),
                    exitCode: .refused
                )
            }
            if json {
                try Output.say(json: ["partitions": count])
            } else {
                Output.say("\(count) partitions reset")
            }
        }

        private func topics(on pool: PostgresPool) async throws(DatabaseError) -> [String] {
            if let topic { return [topic] }
            return Set(try await InboxStore.positions(consumer: consumer, on: pool).map(\.topic)).sorted()
        }
    }
}
