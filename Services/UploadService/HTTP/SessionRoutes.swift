import Determinism
import Digests
import HTTPServing
import HTTPTypes
import Hummingbird
import Logging
import ObjectStore

import struct FoundationEssentials.UUID

/// The routes under `/api/v1/uploads`: sessions for files too large, or connections too poor, for one request.
struct SessionRoutes: Sendable {
    static let path = "/api/v1/uploads"

    let sessions: UploadSessions
    let keys: IdempotencyKeys
    let figures: UploadFigures

    func add(to routes: some RouterMethods<ServiceContext>) {
        routes.post { try await open($0, $1) }
        routes.get { try await list($0, $1) }
        routes.get("{id}") { try await facts($0, $1) }
        routes.delete("{id}") { try await abort($0, $1) }
        routes.post("{id}/complete") { try await complete($0, $1) }
        routes.post("{id}/parts") { try await sign($0, $1) }
        routes.get("{id}/parts") { try await parts($0, $1) }
        routes.put("{id}/parts/{number}") { try await receive($0, $1) }
    }

    private func open(_ request: Request, _ context: ServiceContext) async throws -> Response {
        _ = try QueryItems(of: request, known: [])
        let owner = Owner(try context.requireCaller())
        let body = try await SessionBody(request, context)
        let slot = try KeySlot.read(request, of: owner, body.facts)
        let asked = try body.session(id: slot?.derivedID)
        let (session, opening) = try await keys.reserving(slot) {
            try await logged("opening of a session", context) { () throws(SessionFailure) in
                try await sessions.open(asked, of: owner)
            }
        }
        let (begun, urls) = try await logged("opening of a session", context, of: session) {
            () throws(SessionFailure) in
            try await firstURLs(of: session, opening, body.urlCount)
        }
        let document = SessionDocument(begun, seen: nil, urls: urls)
        var fields: HTTPFields = [.location: "\(Self.path)/\(session.upload.id.text)"]
        if slot != nil, opening == nil { fields[.idempotencyReplayed] = "true" }
        return try .json(document, status: opening != nil || slot != nil ? .created : .ok, fields: fields)
    }

    /// A session that is over, or being completed, has no use for them.
    private func firstURLs(
        of session: UploadSession,
        _ opening: Int64?,
        _ asked: Int?
    ) async throws(SessionFailure) -> (UploadSession, [PartURL]) {
        guard session.isOpen else { return (session, []) }
        let count = min(asked ?? (session.checksum == nil ? 100 : 0), session.plan.partCount)
        return try await sessions.firstURLs(of: session, opening, count: count)
    }

    private func sign(_ request: Request, _ context: ServiceContext) async throws -> Response {
        _ = try QueryItems(of: request, known: [])
        let session = try await session(context)
        let wanted = try await WantedParts(request, context).parts()
        let urls = try await logged("signing", context) { () throws(SessionFailure) in
            try await sessions.sign(wanted, of: session)
        }
        return try .json(
            PartURLsDocument(uploadID: session.upload.id.text, urls: urls.map(PartURLDocument.init))
        )
    }

    private func receive(_ request: Request, _ context: ServiceContext) async throws -> Response {
        _ = try QueryItems(of: request, known: [])
        guard request.headers[values: .contentEncoding].allSatisfy({ $0.lowercased() == "identity" }) else {
            throw RequestRefusal.contentEncoding
        }
        let session = try await session(context)
        let declared = try DeclaredDigest.read(request.headers, parameter: nil)
        guard let text = context.parameters.get("number"), let number = Int(text), text == "\(number)" else {
            throw SessionFailure.noSuchPart(count: session.plan.partCount)
        }
        let source = try UploadSource(request, context)
        let part = try await logged("part \(number)", context) { () throws(SessionFailure) in
            try await sessions.receive(part: number, source, declared: declared, of: session)
        }
        figures.receivedPart(byteCount: part.size)
        return try .json(ReceivedPartDocument(session.upload.id, part))
    }

    private func complete(_ request: Request, _ context: ServiceContext) async throws -> Response {
        _ = try QueryItems(of: request, known: [])
        let session = try await session(context)
        let body = try await CompletionBody(request, context)
        let digest = try body.digest()
        do {
            let completed = try await keys.reserving(try slot(request, of: session, [body.sha256])) {
                try await logged("completion", context) { () throws(SessionFailure) in
                    try await sessions.complete(session, sha256: digest)
                }
            }
            if session.state != .completed { figures.stored(byteCount: session.plan.size) }
            return try .json(SessionDocument(completed, seen: nil))
        } catch let failure as SessionFailure {
            figures.notStored(failure.problem.code)
            throw failure
        }
    }

    private func abort(_ request: Request, _ context: ServiceContext) async throws -> Response {
        _ = try QueryItems(of: request, known: [])
        let session = try await session(context)
        let aborted = try await keys.reserving(try slot(request, of: session, [])) {
            try await logged("abort", context) { () throws(SessionFailure) in
                try await sessions.abort(session)
            }
        }
        return try .json(SessionDocument(aborted, seen: nil))
    }

    private func slot(
        _ request: Request,
        of session: UploadSession,
        _ facts: [String?]
    ) throws(RequestRefusal) -> KeySlot? {
        try KeySlot.read(request, of: session.owner, facts)
    }

    func session(_ context: ServiceContext) async throws -> UploadSession {
        guard let caller = context.caller, let text = context.parameters.get("id"),
            let id = UUID(text: text)
        else { throw SessionFailure.notFound }
        return try await sessions.find(id, of: Owner(caller))
    }

    /// Writes down what the answer does not tell, and names the session that is kept.
    func logged<Value>(
        _ action: String,
        _ context: ServiceContext,
        of session: UploadSession? = nil,
        _ body: () async throws(SessionFailure) -> Value
    ) async throws -> Value {
        do { return try await body() } catch {
            var problem = error.problem
            if let session { problem.extensions["upload_id"] = session.upload.id.text }
            if problem.status >= 500 {
                context.logger.warning(
                    "\(action) failed",
                    metadata: ["error_code": "\(problem.code)", "error": "\(error)"]
                )
            }
            guard session != nil else { throw error }
            throw problem
        }
    }
}
