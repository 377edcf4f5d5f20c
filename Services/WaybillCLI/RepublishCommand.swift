import ArgumentParser
import Determinism
import NIOHTTP1

struct RepublishCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "republish",
        abstract:
            "Tells a topic again how files stand: one that was lost, or a new one to fill an index from.",
        discussion: "Whoever has seen an event passes it over. Needs a superuser's token."
    )

    @OptionGroup var server: ServerOptions
    @Option(name: .customLong("file"), help: "This file only, by id; may be given several times.")
    var files: [String] = []
    @Option(help: "Files of this tenant only.") var tenant: String?
    @Option(help: "Files that changed at or after this instant (RFC 3339) only.", transform: Self.instant)
    var since: String?
    @Option(help: "Files that changed before this instant (RFC 3339) only.", transform: Self.instant)
    var until: String?
    @Flag(help: "Every file there is.") var all = false
    @Option(help: "A topic that exists and begins with waybill., instead of that of the files.")
    var topic: String?
    @OptionGroup var why: ReasonOption
    @Flag(help: "As one JSON object.") var json = false

    private static func instant(_ text: String) throws -> String {
        guard Timestamp(rfc3339: text) != nil else {
            throw ValidationError("An instant looks like 2026-11-21T09:30:00Z.")
        }
        return text
    }

    func validate() throws {
        let isNarrowed = !files.isEmpty || tenant != nil || since != nil || until != nil
        guard isNarrowed != all else {
            throw ValidationError("Say which: --file, --tenant, --since, --until; or --all.")
        }
        guard files.count <= 1_000 else { throw ValidationError("--file may be given 1000 times.") }
    }

    /// Asks for a part at a time: one that is repeated because its answer was lost does no harm.
    func run() async throws {
        let count = try await server.use { (api: APIClient) async throws(ClientFailure) in
            var (count, after): (Int, String?) = (0, nil)
            repeat {
                let request = try APIRequest(.POST, "/api/v1/republish", document: body(after: after))
                let progress = try await api.ask(request, for: RepublishProgress.self)
                count += progress.republished
                after = progress.next
            } while after != nil
            return count
        }
        if json {
            try Output.say(json: ["republished": count])
        } else {
            Output.say("\(count) files told again")
        }
    }

    private func body(after: String?) -> RepublishBody {
        RepublishBody(
            fileIDs: files.isEmpty ? nil : files,
            tenant: tenant,
            since: since,
            until: until,
            all: all ? true : nil,
            topic: topic,
            after: after,
            reason: why.reason
        )
    }
}

private struct RepublishBody: Encodable {
    let fileIDs: [String]?
    let tenant: String?
    let since: String?
    let until: String?
    let all: Bool?
    let topic: String?
    let after: String?
    let reason: String

    enum CodingKeys: String, CodingKey {
        case tenant, since, until, all, topic, after, reason
        case fileIDs = "file_ids"
    }
}

private struct RepublishProgress: Decodable, Sendable {
    let republished: Int
    let next: String?
}
