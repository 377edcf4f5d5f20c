import Determinism
import Digests
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
        let fields = request.headers
        let facts = ["\(isImmediate)", fields[.ifMatch], fields[.ifNoneMatch], fields[.ifUnmodifiedSince]]
        let slot = try KeySlot.read(request, of: owner, facts)
        return try await keys.once(slot) { claim in
            let keyed = claim.map { KeyedAnswer(claim: $0, make: Self.answer) }
            let file = try await delete(id, of: owner, isImmediate: isImmediate, context, keyed) { file in
                [file.tag, file.contentTag].contains { tag in
                    conditions.verdict(current: tag, lastModified: file.createdAt, isRead: false) == .proceed
                }
            }
            return try Self.answer(to: file)
        }.response
    }

    func restore(_ request: Request, _ context: ServiceContext) async throws -> Response {
        _ = try QueryItems(of: request, known: [])
        let (id, owner) = try target(context)
        return try await keys.once(try KeySlot.read(request, of: owner, [])) { claim in
            do {
                let keyed = claim.map { KeyedAnswer(claim: $0, make: Self.answer) }
                let file = try await actions.restore(id, of: owner, keyed)
                figures.restored("restored")
                return try Self.answer(to: file)
            } catch let failure as FileFailure {
                figures.restored(failure.problem.code)
                log(failure, failure.problem, "restore", context)
                throw failure
            }
        }.response
    }

    @Sendable private static func answer(to file: File) throws -> StoredAnswer {
        try StoredAnswer(ChangeDocument(file))
    }

    /// Each id is a change of its own: what was deleted before a failure stays deleted, and may be deleted again.
    func deleteBatch(_ request: Request, _ context: ServiceContext) async throws -> Response {
        _ = try QueryItems(of: request, known: [])
        let owner = Owner(try context.requireCaller())
        let bytes = Array(try await request.body.collect(upTo: context.maxUploadSize).readableBytesView)
        let batch = try BatchDelete(bytes)
        let slot = try KeySlot.read(request, of: owner, [Digest256.of(bytes).hex])
        return try await keys.once(slot) { claim in
            let items = try await delete(batch, of: owner, claim, context)
            let answer = try StoredAnswer(ItemsDocument(items: items), status: .multiStatus)
            guard let claim else { return answer }
            // What may be answered otherwise is not to be repeated for ever.
            if items.contains(where: { $0.status >= 500 }) {
                return (try? await keys.release(claim)) ?? answer
            }
            return await keys.finish(claim, answer)
        }.response
    }

    private func delete(
        _ batch: BatchDelete,
        of owner: Owner,
        _ claim: KeyClaim?,
        _ context: ServiceContext
    ) async throws -> [DeleteItemDocument] {
        var items: [DeleteItemDocument] = []
        var isDatabaseAway = false
        for id in batch.ids {
            guard !isDatabaseAway else {
                items.append(DeleteItemDocument(id, .failure(RequestRefusal.notTried.problem)))
                continue
            }
            if let claim, items.count % 50 == 49, (try? await keys.renew(claim)) == false {
                throw KeyFailure.overtaken
            }
            do throws(FileFailure) {
                guard let known = UUID(text: id) else { throw .notFound }
                let file = try await delete(known, of: owner, isImmediate: batch.purge ?? false, context)
                items.append(DeleteItemDocument(id, .success(file)))
            } catch {
                isDatabaseAway = error.isAboutDatabase
                items.append(DeleteItemDocument(id, .failure(error.problem)))
            }
        }
        return items
    }

    private func delete(
        _ id: UUID,
        of owner: Owner,
        isImmediate: Bool,
        _ context: ServiceContext,
        _ keyed: KeyedAnswer<File>? = nil,
        if isExpected: @escaping @Sendable (File) -> Bool = { _ in true }
    ) async throws(FileFailure) -> File {
        do {
            let file = try await actions.delete(
                id,
                of: owner,
                isImmediate: isImmediate,
                keyed,
                if: isExpected
            )
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

    init(_ bytes: [UInt8]) throws(RequestRefusal) {
        do {
            self = try JSONDecoder().decode(BatchDelete.self, from: Data(bytes))
        } catch {
            throw .body(#"must be JSON of the form {"ids": ["…"], "purge": false}"#)
        }
        guard (1...Self.idCountLimit).contains(ids.count) else {
            throw .body("must name 1 to \(Self.idCountLimit) ids")
        }
    }
}

extension FileFailure {
    /// Whether the next file of a batch would fail in the same way.
    fileprivate var isAboutDatabase: Bool {
        switch self {
        case .database, .outcomeUnknown: true
        case .notFound, .quarantined, .purged, .nameTaken, .unexpected, .overtaken, .busy, .store: false
        }
    }
}
