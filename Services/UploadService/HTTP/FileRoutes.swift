import Determinism
import Digests
import HTTPServing
import HTTPTypes
import Hummingbird
import Logging
import ObjectStore
import PostgresClient

import struct FoundationEssentials.UUID

/// The routes under `/api/v1/files`. Every one sees only what belongs to its caller.
struct FileRoutes: Sendable {
    static let path = "/api/v1/files"

    let receive: ReceiveFile
    let actions: FileActions
    let keys: IdempotencyKeys
    let pool: PostgresPool
    let files: FileLookup
    let store: any ObjectStore
    let budget: TransferBudget
    let figures: UploadFigures

    /// - Parameters:
    ///   - open: where nobody has asked for the caller yet: what is added to it must begin with `visibleFile`.
    ///   - guarded: where a request has its caller.
    func add(
        open: some RouterMethods<ServiceContext>,
        guarded: some RouterMethods<ServiceContext>
    ) {
        open.get("{id}") { try await facts($0, $1) }
        open.get("{id}/content") { try await content($0, $1) }
        guarded.post { try await upload($0, $1) }
        guarded.get { try await list($0, $1) }
        guarded.post("batch-delete") { try await deleteBatch($0, $1) }
        guarded.delete("{id}") { try await delete($0, $1) }
        guarded.post("{id}/restore") { try await restore($0, $1) }
    }

    private func facts(_ request: Request, _ context: ServiceContext) async throws -> Response {
        let file = try await visibleFile(request, context)
        let tag = file.tag
        let conditions = Preconditions(request.headers)
        switch conditions.verdict(current: tag, lastModified: nil, isRead: true) {
        case .notModified: return Response(status: .notModified, headers: [.eTag: tag.text])
        case .failed: throw RequestRefusal.preconditionFailed
        case .proceed:
            return try .json(
                FileDocument(file),
                fields: [.eTag: tag.text, .cacheControl: "private, no-cache"]
            )
        }
    }

    /// The file a request without a query reads. The request's caller is found with it.
    ///
    /// A file that is deleted is not there any more, for every reader; another owner's never was.
    func visibleFile(_ request: Request, _ context: ServiceContext) async throws -> File {
        let id = context.parameters.get("id").flatMap { UUID(text: $0) }
        let found = try await BearerAuthentication.authenticate(request, context) { token in
            do throws(DatabaseError) { return try await files.find(token, id) } catch {
                throw unread(error, context)
            }
        }
        _ = try QueryItems(of: request, known: [])
        let owner = Owner(try context.requireCaller())
        let file: File?
        do throws(DatabaseError) { file = try found?.get() } catch { throw unread(error, context) }
        guard let file, Owner(tenant: file.tenant, name: file.owner) == owner else {
            throw FileFailure.notFound
        }
        switch file.state {
        case .available, .quarantined: return file
        case .deleted, .purging, .purged: throw FileFailure.notFound
        }
    }

    private func unread(_ error: DatabaseError, _ context: ServiceContext) -> FileFailure {
        let failure = FileFailure.database(error)
        log(error, failure.problem, "read", context)
        return failure
    }

    /// The file a path names. What is no id cannot be told from an id that does not exist.
    func target(_ context: ServiceContext) throws(FileFailure) -> (UUID, Owner) {
        guard let caller = context.caller, let text = context.parameters.get("id"),
            let id = UUID(text: text)
        else { throw .notFound }
        return (id, Owner(caller))
    }

    /// Writes down what the answer does not tell: the cause behind a 5xx.
    func log(_ failure: any Error, _ problem: Problem, _ action: String, _ context: ServiceContext) {
        guard problem.status >= 500 else { return }
        context.logger.warning(
            "\(action) failed",
            metadata: ["error_code": "\(problem.code)", "error": "\(failure)"]
        )
    }
}

extension File {
    /// Of what is said about it. The index state changes without a new version, so it is part of the tag.
    var tag: EntityTag { EntityTag("\(version)-\(indexState.rawValue.lowercased())") }
    /// Of its bytes. Never another while the file lives, so a digest that became known later is no part of it.
    var contentTag: EntityTag { EntityTag(sha256?.hex ?? id.text) }
}
