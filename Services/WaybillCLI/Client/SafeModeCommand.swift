import ArgumentParser
import NIOHTTP1

struct SafeModeCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "safe-mode",
        abstract: "Shows whether a service's database is the one it was, and takes it as it is.",
        discussion: """
            After a restore or a failover nothing is destroyed until an operator leaves safe mode. Each service has its own: name \
            it with --url. The token must be a superuser's.
            """,
        subcommands: [Show.self, Leave.self]
    )

    struct Show: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "show",
            abstract: "Where it stands, and what the database may have forgotten."
        )

        @OptionGroup var server: ServerOptions
        @Flag(help: "As JSON.") var json = false

        func run() async throws {
            let standing = try await server.use {
                (api: APIClient) async throws(ClientFailure) -> SafeModeFacts in
                try await api.ask(APIRequest(.GET, "/api/v1/safe-mode"), for: SafeModeFacts.self)
            }
            if json { return try Output.say(json: standing) }
            standing.lines.forEach { Output.say($0) }
        }
    }

    struct Leave: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "leave",
            abstract: "Takes the database as it is: from then on bytes are removed again."
        )

        @OptionGroup var server: ServerOptions
        @Option(help: "Why; it goes into the audit trail.") var reason: String
        @Option(help: "What was looked at, as `waybill safe-mode show` names it.") var incarnation: String
        @Flag(help: "Also while something speaks against it: it is given up.") var force = false
        @Flag(help: "As JSON.") var json = false

        func run() async throws {
            let wish = SafeModeWish(reason: reason, incarnation: incarnation, force: force)
            let standing = try await server.use {
                (api: APIClient) async throws(ClientFailure) -> SafeModeFacts in
                try await api.ask(
                    APIRequest(.POST, "/api/v1/safe-mode/leave", document: wish),
                    for: SafeModeFacts.self
                )
            }
            if json { return try Output.say(json: standing) }
            standing.lines.forEach { Output.say($0) }
        }
    }
}

/// What leaves safe mode.
private struct SafeModeWish: Encodable, Sendable {
    let reason: String
    let incarnation: String
    let force: Bool
}

/// `SafeMode` of openapi.yaml.
struct SafeModeFacts: Codable, Sendable {
    struct Survey: Codable, Sendable {
        let complete: Bool
        let counts: [String: Int64]
        let skipped: [String: String]
        let losses: [Loss]
    }

    struct Loss: Codable, Sendable {
        let kind: String
        let proposal: String
        let fileID: String?
        let uploadID: String?
        let objectKey: String?
        let size: Int64?
        let version: Int64?
        let indexState: String?
        let rowVersion: Int64?
        let rowState: String?

        enum CodingKeys: String, CodingKey {
            case kind, proposal, size, version
            case fileID = "file_id"
            case uploadID = "upload_id"
            case objectKey = "object_key"
            case indexState = "index_state"
            case rowVersion = "row_version"
            case rowState = "row_state"
        }
    }

    let isOn: Bool
    let epoch: Int64
    let incarnation: String
    let isClockWatched: Bool
    let known: String
    let now: String
    let enteredAt: String?
    let was: String?
    let isNow: String?
    let cause: String?
    let surveyedAt: String?
    let survey: Survey?

    enum CodingKeys: String, CodingKey {
        case epoch, incarnation, known, now, was, cause, survey
        case isOn = "safe_mode"
        case isClockWatched = "clock_watched"
        case enteredAt = "entered_at"
        case isNow = "is"
        case surveyedAt = "surveyed_at"
    }

    fileprivate var lines: [String] {
        guard isOn else { return [plain("Safe mode is off; epoch \(epoch), database \(now).")] }
        var lines = [
            plain("Safe mode is on since \(enteredAt ?? "this moment"): \(cause ?? "the database changed").")
        ]
        if !isClockWatched { lines.append("Nobody vouches for the database's clock yet.") }
        lines.append(plain("To leave it: --incarnation \(incarnation)"))
        if let was, let isNow { lines.append(plain("The database was \(was) and is \(isNow).")) }
        guard let survey else {
            return lines + ["What it may have forgotten is being looked for."]
        }
        for (source, reason) in survey.skipped.sorted(by: { $0.key < $1.key }) {
            lines.append(plain("Not compared: \(source) (\(reason))."))
        }
        for (kind, count) in survey.counts.sorted(by: { $0.key < $1.key }) {
            lines.append(plain("\(kind): \(count)"))
        }
        return lines + survey.losses.map(\.line)
    }
}

extension SafeModeFacts.Loss {
    fileprivate var line: String {
        let subject = fileID ?? objectKey ?? "?"
        let states = [
            indexState.map { "index \($0)" }, rowState.map { "row \($0)" }, objectKey.map { "object \($0)" },
        ]
        return plain("\(proposal): \(kind) \(subject) \(states.compactMap { $0 }.joined(separator: ", "))")
    }
}
