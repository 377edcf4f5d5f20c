import HTTPServing
import HTTPTypes
import Hummingbird
import NIOCore

import struct FoundationEssentials.Data
import class FoundationEssentials.JSONDecoder
import struct FoundationEssentials.UUID

/// `DELETE /api/v1/files/{id}`, `POST …/restore` and `POST /api/v1/files/batch-delete`.
extension FileRoutes {
    func delete(_ request: Request, _ context: ServiceContext) async throws -> Response {
        let query = try QueryItems(of: request, known: ["purge"])
        let (id, owner) = try target(context)
        let conditions = Preconditions(request.headers)
        let isImmediate = try query.flag("purge")
        let file = try await delete(id, of: owner, isImmediate: isImmediate, context) { file in
            [file.tag, file.contentTag].contains { tag in
                conditions.verdict(current: tag, lastModified: file.createdAt, isRead: false) == .proceed
            }
        }
        return try .json(ChangeDocument(file))
    }

    func restore(_ request: Request, _ context: ServiceContext) async throws -> Response {
        _ = try QueryItems(of: request, known: [])
        let (id, owner) = try target(context)
        do {
            let file = try await actions.restore(id, of: owner)
            figures.restored("restored")
            return try .json(ChangeDocument(file))
        } catch let failure as FileFailure {
            figures.restored(failure.problem.code)
            log(failure, failure.problem, "restore", context)
            throw failure
        }
    }

    /// Each id is a change of its own: what was deleted before a failure stays deleted.
    func deleteBatch(_ request: Request, _ context: ServiceContext) async throws -> Response {
        _ = try QueryItems(of: request, known: [])
        let owner = Owner(try context.requireCaller())
        let batch = try await BatchDelete(request, context)
        var items: [DeleteItemDocument] = []
        var isDatabaseAway = false
        for id in batch.ids {
            guard !isDatabaseAway else {
                items.append(DeleteItemDocument(id, .failure(RequestRefusal.notTried.problem)))
                continue
            }
            do throws(FileFailure) {
                guard let known = UUID(uuidString: id) else { throw .notFound }
                let file = try await delete(known, of: owner, isImmediate: batch.purge ?? false, context)
                items.append(DeleteItemDocument(id, .success(file)))
            } catch {
                isDatabaseAway = error.isAboutDatabase
                items.append(DeleteItemDocument(id, .failure(error.problem)))
            }
        }
        return try .json(ItemsDocument(items: items), status: .multiStatus)
    }

    private func delete(
        _ id: UUID,
        of owner: Owner,
        isImmediate: Bool,
        _ context: ServiceContext,
        if isExpected: @escaping @Sendable (File) -> Bool = { _ in true }
    ) async throws(FileFailure) -> File {
        do {
            let file = try await actions.delete(id, of: owner, isImmediate: isImmediate, if: isExpected)
            figures.deleted("deleted")
            return file
        } catch {
            figures.deleted(error.problem.code)
            log(error, error.problem, "delete", context)
            throw error
        }
    }
}

/// The body of a batch delete.
private struct BatchDelete: Decodable {
    static let idCountLimit = 1_000

    let ids: [String]
    let purge: Bool?

    init(_ request: Request, _ context: ServiceContext) async throws {
        let bytes = try await request.body.collect(upTo: context.maxUploadSize)
        do {
            self = try JSONDecoder().decode(BatchDelete.self, from: Data(bytes.readableBytesView))
        } catch {
            throw RequestRefusal.body(#"must be JSON of the form {"ids": ["…"], "purge": false}"#)
        }
        guard (1...Self.idCountLimit).contains(ids.count) else {
            throw RequestRefusal.body("must name 1 to \(Self.idCountLimit) ids")
        }
    }
}

extension FileFailure {
    /// Whether the next file of a batch would fail in the same way.
    fileprivate var isAboutDatabase: Bool {
        switch self {
        case .database, .outcomeUnknown: true
        case .notFound, .quarantined, .purged, .nameTaken, .unexpected, .busy, .store: false
        }
    }
}
