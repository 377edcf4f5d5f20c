import Determinism
import HTTPServing
import Hummingbird
import Logging
import PostgresClient

/// `GET /api/v1/uploads`, `GET …/{id}` and `GET …/{id}/parts`.
extension SessionRoutes {
    func facts(_ request: Request, _ context: ServiceContext) async throws -> Response {
        _ = try QueryItems(of: request, known: [])
        let session = try await session(context)
        guard session.isOpen else { return try .json(SessionDocument(session, seen: nil)) }
        var seen: SeenParts?
        do throws(SessionFailure) { seen = try await sessions.seenParts(of: session) } catch {
            // What cannot be seen is not told; the rest is known.
            context.logger.info("the parts were not looked at", metadata: ["error": "\(error)"])
        }
        return try .json(SessionDocument(try await sessions.reread(session), seen: seen))
    }

    func parts(_ request: Request, _ context: ServiceContext) async throws -> Response {
        let query = try QueryItems(of: request, known: ["after", "limit"])
        let after = try query.integer("after", default: 0, in: 0...10_000)
        let limit = try query.integer("limit", default: 1_000, in: 1...10_000)
        let session = try await session(context)
        try sessions.requireOpen(session)
        let seen = try await logged("look at the parts", context) { () throws(SessionFailure) in
            try await sessions.seenParts(of: session)
        }
        let rest = seen.parts.drop { $0.number <= after }
        return try .json(
            PartListDocument(
                parts: rest.prefix(limit).map(PartDocument.init),
                nextAfter: rest.count > limit ? rest.prefix(limit).last?.number : nil
            )
        )
    }

    func list(_ request: Request, _ context: ServiceContext) async throws -> Response {
        let owner = Owner(try context.requireCaller())
        let query = try QueryItems(of: request, known: ["limit", "cursor", "state"])
        let limit = try query.integer("limit", default: 50, in: 1...1_000)
        let found: [UploadSession]
        do {
            found = try await UploadStore.sessions(
                of: owner,
                state: try Self.state(query),
                before: try query.cursor(),
                limit: limit + 1,
                on: sessions.pool
            )
        } catch let failure as DatabaseError { throw SessionFailure.database(failure) }
        let page = found.prefix(limit)
        return try .json(
            SessionListDocument(
                uploads: page.map { SessionDocument($0, seen: nil) },
                nextCursor: found.count > limit ? page.last?.upload.id.text : nil
            )
        )
    }

    private static func state(_ query: QueryItems) throws(Problem) -> UploadState? {
        guard let text = try query.text("state") else { return nil }
        guard let state = UploadState(rawValue: text.uppercased()) else {
            let names = UploadState.allCases.map { $0.rawValue.lowercased() }.joined(separator: ", ")
            throw query.refusal("state", "must be one of \(names)")
        }
        return state
    }
}
