import ArgumentParser
import FoundationEssentials
import NIOHTTP1

struct StatusCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "status",
        abstract: "Shows your uploads on the server, one line each, the newest first."
    )

    @OptionGroup var server: ServerOptions
    @Argument(help: "One upload, by its id.") var uploadID: String?
    @Option(help: "Only those in this state, such as active or completed.") var state: String?
    @Option(help: "At most so many.") var limit = 50
    @Flag(help: "As JSON: an array, or one object for one upload.") var json = false

    func validate() throws {
        guard (1...100_000).contains(limit) else { throw ValidationError("--limit is 1 to 100000.") }
        guard uploadID.map({ UUID(uuidString: $0) != nil }) ?? true else {
            throw ValidationError("The id of an upload is a UUID.")
        }
    }

    func run() async throws {
        guard let uploadID else { return try await showAll() }
        let session = try await server.use { (api: APIClient) async throws(ClientFailure) -> SessionFacts in
            try await api.ask(APIRequest(.GET, "/api/v1/uploads/\(uploadID)"), for: SessionFacts.self)
        }
        if json { try Output.say(json: session) } else { Output.say(session.line) }
    }

    private func showAll() async throws {
        let sessions = try await server.use {
            (api: APIClient) async throws(ClientFailure) -> [SessionFacts] in
            try await pages(api)
        }
        if json { try Output.say(json: sessions) } else { sessions.forEach { Output.say($0.line) } }
    }

    private func pages(_ api: APIClient) async throws(ClientFailure) -> [SessionFacts] {
        var found: [SessionFacts] = []
        var cursor: String?
        repeat {
            var query = [("limit", String(min(1_000, limit)))]
            if let state { query.append(("state", state)) }
            if let cursor { query.append(("cursor", cursor)) }
            let page = try await api.ask(
                APIRequest(.GET, "/api/v1/uploads", query: query),
                for: SessionPage.self
            )
            found += page.uploads
            guard page.nextCursor == nil || page.nextCursor != cursor else {
                throw .unusable("its list of uploads does not end")
            }
            cursor = page.nextCursor
        } while cursor != nil && found.count < limit
        return Array(found.prefix(limit))
    }
}

extension SessionFacts {
    fileprivate var line: String {
        var facts = "\(uploadID) \(state) \(ProgressLine.amount(size)) in \(partCount) parts"
        if let receivedPartCount { facts += ", \(receivedPartCount) there" }
        if let expiresAt { facts += ", until \(expiresAt.prefix(19))" }
        if let failureReason { facts += " (\(failureReason))" }
        return plain("\(facts)  \(name)")
    }
}
