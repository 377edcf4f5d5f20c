import ArgumentParser
import NIOHTTP1

struct RemoveCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "rm",
        abstract: "Moves files to the trash, from which they can be restored for a while."
    )

    @OptionGroup var change: ChangeOptions
    @Flag(help: "For good: the bytes are removed now.") var purge = false

    func run() async throws {
        try await change.carryOut(in: .available) { id in
            APIRequest(.DELETE, "/api/v1/files/\(id)", query: purge ? [("purge", "true")] : [])
        }
    }
}

struct RestoreCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "restore",
        abstract: "Takes files out of the trash."
    )

    @OptionGroup var change: ChangeOptions

    func run() async throws {
        try await change.carryOut(in: .deleted) { id in APIRequest(.POST, "/api/v1/files/\(id)/restore") }
    }
}

/// Files something is done to, one after the other.
struct ChangeOptions: ParsableArguments {
    @OptionGroup var server: ServerOptions
    @Argument(help: "Ids or whole names.") var files: [String]
    @Flag(help: "One JSON object per file, one line each.") var json = false

    /// Stops at the first file that is refused.
    fileprivate func carryOut(
        in state: FileFinder.State,
        _ request: (_ id: String) -> APIRequest
    ) async throws {
        try await server.use { (api: APIClient) async throws(ClientFailure) in
            for file in files {
                let id = try await FileFinder(api: api).id(of: file, in: state)
                let change = try await api.ask(request(id), for: ChangeFacts.self)
                if json { try? Output.say(json: change) } else { Output.say(change.line) }
            }
        }
    }
}

extension ChangeFacts {
    fileprivate var line: String { plain("\(documentID) \(state) \(name): \(message)") }
}
