import AuditTrail
import IdempotentInbox
import PostgresClient
import ServiceBootstrap
import ServiceSettings

extension ProgramCommand {
    /// `offsets reset --topic T`: for a topic that was lost and written anew, never for one that is merely behind.
    static let resetOffsets = ProgramCommand("offsets", "reset") { frame, arguments in
        guard arguments.count == 2, arguments[0] == "--topic", !arguments[1].isEmpty else {
            throw ConfigurationError(problems: [
                "say which topic: `IndexerService offsets reset --topic NAME`"
            ])
        }
        let topic = arguments[1]
        return try await withDatabase(of: frame, application: IndexerConfig.application) { pool in
            try await AuditTrail.append(
                AuditEntry(
                    actor: "program:IndexerService",
                    action: "offsets.reset",
                    subject: FileEventHandler.consumer,
                    reason: "asked for on the command line",
                    after: AuditEntry.object(["topic": topic])
                ),
                on: pool
            )
            let partitions = try await InboxStore.reset(
                consumer: FileEventHandler.consumer,
                topic: topic,
                on: pool
            )
            guard !partitions.isEmpty else {
                return "\(FileEventHandler.consumer) has never read \(topic): nothing to reset."
            }
            return partitions.map {
                "\(topic) [\($0.partition)]: was at \($0.nextOffsetBefore), starts at the beginning"
            }
            .joined(separator: "\n")
        }
    }
}
