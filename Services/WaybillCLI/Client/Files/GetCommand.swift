import ArgumentParser
import Glibc
import NIOHTTP1

struct GetCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "get",
        abstract: "Fetches a file, verifies its SHA-256, and goes on where it was interrupted.",
        discussion: "What has come so far lies beside the target as NAME.ID.part until it is whole."
    )

    @OptionGroup var server: ServerOptions
    @Argument(help: "Its id, or its whole name.") var file: String
    @Option(name: .shortAndLong, help: "Where to; the file's own name, in this folder, when absent.")
    var output: String?
    @Flag(help: "Replace what is there.") var force = false
    @Flag(help: "As one JSON object.") var json = false

    func run() async throws {
        let fetched = try await server.use(patience: .seconds(120)) {
            (api: APIClient) async throws(ClientFailure) in
            let result = await untilInterrupted { () async -> Result<FetchedFile, ClientFailure> in
                do throws(ClientFailure) { return .success(try await fetch(api)) } catch {
                    return .failure(error)
                }
            }
            if case .failure(.interrupted) = result {
                Output.note("What has come is kept: the same command goes on where this one stopped.")
            }
            return try result.get()
        }
        if json { try Output.say(json: fetched) } else { Output.say(plain(fetched.path)) }
    }

    private func fetch(_ api: APIClient) async throws(ClientFailure) -> FetchedFile {
        let id = try await FileFinder(api: api).id(of: file, in: .available)
        let facts = try await api.ask(APIRequest(.GET, "/api/v1/files/\(id)"), for: FileFacts.self)
        let target = try await target(for: facts)
        let meter = ProgressMeter()
        let download = Download(api: api, facts: facts, target: target, isReplacing: force, meter: meter)
        return try await ProgressBar(path: target, meter: meter, time: api.time).whileShown {
            () async throws(ClientFailure) in try await download.run()
        }
    }

    private func target(for facts: FileFacts) async throws(ClientFailure) -> String {
        guard let path = output ?? safeFileName(facts.name) else {
            throw .local("The file's name cannot be used here: say where to with --output.")
        }
        let kind = try await blocking { () throws(ClientFailure) -> mode_t? in
            var status = stat()
            return stat(path, &status) == 0 ? status.st_mode & S_IFMT : nil
        }
        guard kind != S_IFDIR else { throw .local("\(path) is a folder.") }
        // The file takes the place of what is there: of a device or a pipe that is never meant.
        guard kind == nil || kind == S_IFREG else { throw .local("\(path) is no regular file.") }
        guard force || kind == nil else { throw .local("\(path) exists. --force replaces it.") }
        return path
    }
}

/// What `--json` shows; names are kept stable.
struct FetchedFile: Encodable, Sendable {
    let id: String
    let path: String
    let size: Int64
    let sha256: String
    /// False when the server does not know the digest itself yet.
    let verified: Bool
}
