import Determinism
import EventContracts
import KafkaClient
import ServiceBootstrap
import ServiceSettings

import struct FoundationEssentials.UUID

extension ProgramCommand {
    /// `republish`: the relay publishes what this appends.
    static let republish = ProgramCommand("republish") { frame, arguments in
        let words = try RepublishWords(arguments)
        let kafka = try kafkaSettings(frame.environment)
        return try await withDatabase(of: frame, application: UploadConfig.application) { pool in
            let republishing = Republishing(pool: pool) { try await topicNames(kafka) }
            let progress = try await republishing.run(
                words.selection,
                to: words.topic,
                by: "program:UploadService",
                reason: words.reason
            )
            return "\(progress.count) files told again"
        }
    }

    private static func kafkaSettings(_ environment: [String: String]) throws -> KafkaSettings {
        var reader = SettingsReader(environment: environment)
        reader.ignoreOthers()
        let settings = KafkaSettings(reader.kafka())
        try reader.finish()
        return settings
    }
}

/// The topics a broker knows.
func topicNames(_ settings: KafkaSettings) async throws -> Set<String> {
    Set(try await KafkaMetadata.topics(settings).keys)
}

/// `[--file ID…] [--tenant T] [--since T] [--until T] [--topic NAME] [--reason TEXT]`
struct RepublishWords: Equatable, Sendable {
    private(set) var selection = RepublishSelection()
    private(set) var topic = SideTopic.files
    private(set) var reason = "asked for on the command line"

    static let usage =
        "`UploadService republish` takes --file ID (several), --tenant NAME, --since and --until RFC 3339, --topic NAME, --reason TEXT"

    init(_ arguments: [String]) throws(ConfigurationError) {
        var rest = arguments[...]
        while let option = rest.popFirst() {
            guard let value = rest.popFirst(), take(option, value) else {
                throw ConfigurationError(problems: ["\(Self.usage); \(SideTopic.rule): not \(option)"])
            }
        }
    }

    private mutating func take(_ option: String, _ value: String) -> Bool {
        switch option {
        case "--file":
            guard let id = UUID(text: value) else { return false }
            selection.fileIDs = (selection.fileIDs ?? []) + [id]
        case "--tenant": selection.tenant = value
        case "--since", "--until":
            guard let instant = Timestamp(rfc3339: value) else { return false }
            if option == "--since" { selection.since = instant } else { selection.until = instant }
        case "--topic":
            guard let named = SideTopic(value) else { return false }
            topic = named
        case "--reason": reason = value
        default: return false
        }
        return true
    }
}
