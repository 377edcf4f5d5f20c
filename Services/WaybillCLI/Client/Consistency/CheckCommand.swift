import ArgumentParser
import AsyncHTTPClient
import Determinism
import FoundationEssentials
import NIOCore
import NIOHTTP1

struct CheckCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "check",
        abstract:
            "Compares rows, objects, uploads, events and index, and says what disagrees. Needs a superuser's token.",
        discussion: """
            It changes nothing. Exit codes: 0 everything was compared and agrees, 1 something disagrees or was not compared,
            75 the check is not over yet.
            """
    )

    @OptionGroup var server: ServerOptions
    @Argument(help: "A check that was begun before, by its id; a new one when absent.") var id: String?
    @Flag(help: "Read every object back and hash it.") var fullDigests = false
    @Flag(help: "Read no object back.") var noDigests = false
    @Flag(help: "Pass over ranges of keys that have not changed since they were compared.") var incremental =
        false
    @Option(help: "Seconds to wait for the end.") var wait = 3_600
    @Flag(help: "The report as JSON.") var json = false
    @Flag(help: "The findings themselves, one JSON object a line.") var findings = false

    private static let path = "/api/v1/uploads/consistency-check"

    func validate() throws {
        guard (0...604_800).contains(wait) else { throw ValidationError("--wait is 0 to 604800 seconds.") }
        guard !(fullDigests && noDigests) else {
            throw ValidationError("Give --full-digests or --no-digests, not both.")
        }
        guard id.map({ UUID(uuidString: $0) != nil }) ?? true else {
            throw ValidationError("The id of a check is a UUID.")
        }
    }

    func run() async throws {
        let (report, text) = try await server.use {
            (api: APIClient) async throws(ClientFailure) -> (CheckFacts, String) in
            let ended = try await ended(api)
            if findings { try await sayFindings(of: ended.0.id, api) }
            return ended
        }
        if json {
            Output.say(text)
        } else if !findings {
            report.lines.forEach { Output.say(plain($0)) }
        }
        if let failure = report.failure { throw failure }
    }

    /// The report, and as it came.
    private func ended(_ api: APIClient) async throws(ClientFailure) -> (CheckFacts, String) {
        let until = api.time.uptime + .seconds(wait)
        let id = try await begun(api)
        while true {
            let (facts, text) = try await facts(of: id, api)
            guard facts.state == "RUNNING", api.time.uptime < until else { return (facts, text) }
            try await api.pause(for: .seconds(1))
        }
    }

    /// Asked once: a second request would be told that a check is running.
    private func begun(_ api: APIClient) async throws(ClientFailure) -> String {
        if let id { return id }
        let digests = fullDigests ? "full" : noDigests ? "none" : "sampled"
        let query = [("mode", incremental ? "incremental" : "full"), ("digests", digests)]
        return try await api.askOnce(
            APIRequest(.POST, Self.path, query: query.map { (name: $0.0, value: $0.1) }),
            for: CheckFacts.self
        ).id
    }

    private func facts(of id: String, _ api: APIClient) async throws(ClientFailure) -> (CheckFacts, String) {
        let request = APIRequest(.GET, "\(Self.path)/\(id)")
        // First with patience, for what passes by itself.
        _ = try await api.ask(request, for: CheckFacts.self)
        let body = try await api.answer(to: request.prepared(for: api.server))
        return (try api.document(in: body, as: CheckFacts.self), String(buffer: body))
    }

    private func sayFindings(of id: String, _ api: APIClient) async throws(ClientFailure) {
        var request = APIRequest(.GET, "\(Self.path)/\(id)/findings").prepared(for: api.server)
        request.headers.add(name: "accept", value: "application/x-ndjson")
        let response = try await api.open(request)
        var rest = ByteBuffer()
        do {
            for try await piece in response.body {
                rest.writeImmutableBuffer(piece)
                while let end = rest.readableBytesView.firstIndex(of: UInt8(ascii: "\n")) {
                    let line = rest.readString(length: end - rest.readerIndex) ?? ""
                    rest.moveReaderIndex(forwardBy: 1)
                    Output.say(line)
                }
                rest.discardReadBytes()
            }
        } catch { throw ClientFailure(transport: error) }
    }
}

/// What the server says of a check, as far as it is shown.
struct CheckFacts: Decodable, Sendable {
    let id: String
    let state: String
    let complete: Bool
    let isConsistent: Bool
    /// Absent while it runs.
    let counts: [String: Int]?
    let skipped: [String: String]?
    let checked: [String: Int]
    let inFlight: Int?

    enum CodingKeys: String, CodingKey {
        case id, state, complete, counts, skipped, checked
        case isConsistent = "is_consistent"
        case inFlight = "in_flight"
    }

    var lines: [String] {
        var lines = ["check \(id) \(state)"]
        lines += (counts ?? [:]).filter { $0.value > 0 }.sorted { $0.key < $1.key }.map {
            "\($0.key) \($0.value)"
        }
        let checked = checked.filter { $0.value > 0 }.sorted { $0.key < $1.key }
        lines.append("checked: " + checked.map { "\($0.key) \($0.value)" }.joined(separator: ", "))
        if let inFlight, inFlight > 0 { lines.append("on their way while it ran: \(inFlight)") }
        lines += (skipped ?? [:]).sorted { $0.key < $1.key }.map { "not compared: \($0.key) (\($0.value))" }
        lines.append(verdict)
        return lines
    }

    private var verdict: String {
        guard state == "COMPLETED" else { return "The check is \(state): nothing can be said yet." }
        let count = (counts ?? [:]).values.reduce(0, +)
        if count > 0 { return "\(count) findings." + (complete ? "" : " Not everything was compared.") }
        return complete
            ? "Everything was compared and agrees."
            : "Nothing was found, but not everything was compared: it is not known whether all agrees."
    }

    /// Nil when everything was compared and agrees.
    var failure: CommandFailure? {
        if isConsistent { return nil }
        return CommandFailure(sentence: verdict, exitCode: state == "RUNNING" ? .notYet : .refused)
    }
}
