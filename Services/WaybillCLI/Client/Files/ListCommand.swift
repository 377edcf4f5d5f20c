import ArgumentParser

struct ListCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "ls",
        abstract: "Lists your files, one line each, the newest first."
    )

    @OptionGroup var server: ServerOptions
    @Argument(help: "Only files whose name begins like this.") var prefix: String?
    @Flag(help: "Those in the trash, which can be restored.") var deleted = false
    @Option(help: "At most so many.") var limit: Int?
    @Flag(help: "As one JSON array.") var json = false

    func validate() throws {
        guard limit.map({ $0 > 0 }) ?? true else { throw ValidationError("--limit is 1 or more.") }
    }

    func run() async throws {
        let files = try await server.use { (api: APIClient) async throws(ClientFailure) in
            try await FileFinder(api: api).files(
                in: deleted ? .deleted : .available,
                prefix: prefix,
                limit: limit ?? .max
            )
        }
        if json { try Output.say(json: files) } else { files.forEach { Output.say($0.line) } }
    }
}

extension FileFacts {
    fileprivate var line: String {
        let amount = ProgressLine.amount(size)
        let padding = String(repeating: " ", count: max(0, 10 - amount.count))
        let ending = deleteAfter.map { " until \($0.prefix(19))" } ?? ""
        return plain("\(id) \(padding)\(amount)  \(createdAt.prefix(19))\(ending)  \(name)")
    }
}
