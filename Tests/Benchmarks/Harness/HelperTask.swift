/// What this program does as a child of itself.
enum HelperTask {
    /// `--hello PORT_FILE`: the bare server of row 12.
    case hello(portFile: String)

    init?(_ arguments: some Collection<String>) {
        let arguments = Array(arguments)
        guard arguments.count == 2, arguments[0] == "--hello" else { return nil }
        self = .hello(portFile: arguments[1])
    }

    func run() async throws {
        switch self {
        case .hello(let portFile): try await HelloServer.run(portFile: portFile)
        }
    }
}
