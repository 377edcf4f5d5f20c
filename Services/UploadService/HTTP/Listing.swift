import Determinism
import HTTPServing
import Hummingbird

/// `GET /api/v1/files`: pages of the caller's files, newest first.
extension FileRoutes {
    private static let limitRange = 1...1_000

    func list(_ request: Request, _ context: ServiceContext) async throws -> Response {
        let owner = Owner(try context.requireCaller())
        let query = try QueryItems(of: request, known: ["limit", "cursor", "name_prefix", "state"])
        let limit = try query.integer("limit", default: 50, in: Self.limitRange)
        let (state, cursor) = (try Self.state(query), try query.cursor())
        let prefix = try query.text("name_prefix")
        let files: [File]
        do {
            // One more than asked for tells whether there is another page.
            files = try await FileStore.list(
                of: owner,
                state: state,
                namePrefix: prefix,
                before: cursor,
                limit: limit + 1,
                on: pool
            )
        } catch {
            let failure = FileFailure.database(error)
            log(error, failure.problem, "list", context)
            throw failure
        }
        let page = files.prefix(limit)
        return try .json(
            FileListDocument(
                files: page.map(FileDocument.init),
                nextCursor: files.count > limit ? page.last?.id.text : nil
            )
        )
    }

    private static func state(_ query: QueryItems) throws(Problem) -> FileState {
        switch try query.text("state") {
        case nil, "available": return .available
        case "deleted": return .deleted
        case "quarantined": return .quarantined
        default: throw query.refusal("state", "must be available, deleted or quarantined")
        }
    }
}
