/// What this program does as a child of itself.
enum HelperTask {
    /// `--hello PORT_FILE DATABASE`: the bare server of row 12.
    case hello(portFile: String, database: String)
    /// `--proxy PORT_FILE KIND PORT`: the bare proxy of rows 1 and 4.
    case proxy(BareProxy.Kind, portFile: String, target: ServerAddress)
    /// `--bare PORT_FILE KIND DATABASE PORT`: the bare services of rows 2 and 12.
    case bare(BareService.Kind, portFile: String, database: String, store: ServerAddress)

    init?(_ arguments: some Collection<String>) {
        let arguments = Array(arguments)
        switch (arguments.first, arguments.count) {
        case ("--hello", 3): self = .hello(portFile: arguments[1], database: arguments[2])
        case ("--proxy", 4):
            guard let kind = BareProxy.Kind(rawValue: arguments[2]), let port = Int(arguments[3]) else {
                return nil
            }
            self = .proxy(kind, portFile: arguments[1], target: ServerAddress(port: port))
        case ("--bare", 5):
            guard let kind = BareService.Kind(rawValue: arguments[2]), let port = Int(arguments[4]) else {
                return nil
            }
            self = .bare(
                kind,
                portFile: arguments[1],
                database: arguments[3],
                store: ServerAddress(port: port)
            )
        default: return nil
        }
    }

    func run() async throws {
        switch self {
        case .hello(let portFile, let database): try await HelloServer.run(portFile: portFile, database)
        case .proxy(let kind, let portFile, let target):
            try await onThread { Result { try BareProxy.run(kind, portFile: portFile, to: target) } }.get()
        case .bare(let kind, let portFile, let database, let store):
            try await onThread { Result { try BareService.run(kind, portFile: portFile, database, store) } }
                .get()
        }
    }
}
