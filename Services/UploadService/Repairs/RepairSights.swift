import Determinism
import Digests
import NIOCore
import ObjectStore
import ServiceParts

/// What the store says of an item. Whatever keeps it from saying so stops the run: nothing is done on a guess.
extension Repairs {
    func look(at item: RepairItem) async throws(RepairFailure) -> RepairSight {
        do {
            let sight = try await unconfirmedSight(item)
            // In another bucket everything is absent.
            try await bucket.confirm()
            return sight
        } catch { throw .store(error) }
    }

    private func unconfirmedSight(_ item: RepairItem) async throws(StoreFailure) -> RepairSight {
        switch item.action {
        case .quarantine, .markLost, .remove:
            guard let key = item.objectKey, let facts = try await store.head(key) else { return .nothing }
            return item.kind == .digestMismatch ? try await digestSight(key, facts) : .object(facts)
        case .abort:
            guard let key = item.objectKey, let id = item.multipartID else { return .nothing }
            return try await multipart(key, id)
        case .discardAgain, .wake, .republish, .reindex, .leave: return .nothing
        }
    }

    /// Some stores do not list what they have; all show the parts.
    private func multipart(_ key: String, _ id: String) async throws(StoreFailure) -> RepairSight {
        var marker: UploadsPage.Marker?
        repeat {
            let page = try await store.listMultipartUploads(prefix: key, after: marker, limit: 1_000)
            if let upload = page.uploads.first(where: { $0.key == key && $0.uploadID == id }) {
                return .multipart(begun: upload.initiated)
            }
            marker = page.next
        } while marker != nil
        do throws(StoreFailure) {
            _ = try await store.listParts(key, uploadID: id, after: 0)
            return .multipart(begun: nil)
        } catch {
            if case .notFound(let code) = error, code == "NoSuchUpload" { return .nothing }
            throw error
        }
    }

    /// An ETag may differ for reasons of the store: what counts is what the bytes come to.
    private func digestSight(_ key: String, _ facts: ObjectFacts) async throws(StoreFailure) -> RepairSight {
        let known: Digest256?
        do { known = try await RepairSourceStore.digest(of: key, on: pool) } catch {
            throw .unavailable(reason: "the database: \(error)", retryAfter: nil)
        }
        guard let known, try await digest(of: key, facts) == known else { return .object(facts) }
        return .genuine
    }

    /// Of the bytes as they are now; nil when they changed meanwhile.
    private func digest(of key: String, _ facts: ObjectFacts) async throws(StoreFailure) -> Digest256? {
        let download = try await store.get(key, range: nil, ifMatch: facts.etag.isEmpty ? nil : facts.etag)
        var hasher = SHA256Hasher()
        do {
            for try await bytes in download.body {
                bytes.withUnsafeReadableBytes { hasher.update($0) }
            }
        } catch let failure as StoreFailure { throw failure } catch {
            throw .unavailable(reason: "\(error)", retryAfter: nil)
        }
        return download.facts.etag == facts.etag ? hasher.finalize() : nil
    }
}
