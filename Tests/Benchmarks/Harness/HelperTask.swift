import ObjectStore

/// What this program does as a child of itself.
enum HelperTask {
    /// `--hello PORT_FILE`: the bare server of row 12.
    case hello(portFile: String)
    /// `--list STORE_URL BUCKET PAGES`: so many pages of a listing, for counting instructions.
    case list(store: String, bucket: String, pageCount: Int)

    init?(_ arguments: some Collection<String>) {
        let arguments = Array(arguments)
        if arguments.count == 2, arguments[0] == "--hello" {
            self = .hello(portFile: arguments[1])
        } else if arguments.count == 4, arguments[0] == "--list", let pageCount = Int(arguments[3]) {
            self = .list(store: arguments[1], bucket: arguments[2], pageCount: pageCount)
        } else {
            return nil
        }
    }

    func run() async throws {
        switch self {
        case .hello(let portFile): try await HelloServer.run(portFile: portFile)
        case .list(let store, let bucket, let pageCount):
            let bucket = Bucket(try StoreAddress(store), name: bucket)
            try await bucket.withStore { store in
                for _ in 0..<pageCount {
                    _ = try await store.list(
                        prefix: "",
                        startAfter: nil,
                        continuationToken: nil,
                        limit: 1_000
                    )
                }
            }
        }
    }
}
