import Determinism
import Digests
import EventContracts
import NIOCore
import ObjectStore
import ServiceParts

import struct FoundationEssentials.UUID

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
        case .reindex, .tombstone: return try await indexSight(item)
        case .adopt: return try await adoptableSight(item)
        case .release:
            guard let key = item.objectKey, let facts = try await store.head(key) else { return .nothing }
            guard let digest = try await digest(of: key, facts) else {
                return .unknown("the object changed while it was read")
            }
            return .read(facts, digest)
        case .discardAgain, .wake, .republish, .recount, .leave: return .nothing
        }
    }

    /// The object, whose it is, and what its bytes are: without the index nobody can tell what was heard of its file.
    private func adoptableSight(_ item: RepairItem) async throws(StoreFailure) -> RepairSight {
        guard let key = item.objectKey.flatMap({ ObjectKey($0) }), let facts = try await store.head(key.text)
        else { return .nothing }
        guard let file = facts.metadata["file-id"].flatMap({ UUID(text: $0) }) else { return .object(facts) }
        guard let lookUp else { return .unknown("WAYBILL_INDEXER_URL is not set") }
        let entry: IndexEntry?
        do throws(IndexerFailure) { entry = try await lookUp(file) } catch {
            return .unknown("the index did not say: \(error)")
        }
        guard let digest = try await digest(of: key.text, facts) else {
            return .unknown("the object changed while it was read")
        }
        return .adoptable(AdoptableObject(key: key, facts: facts, entry: entry, digest: digest))
    }

    /// What the index holds of the file, and whether the object that it names is there.
    private func indexSight(_ item: RepairItem) async throws(StoreFailure) -> RepairSight {
        guard let lookUp, let file = item.fileID else { return .unknown("WAYBILL_INDEXER_URL is not set") }
        let entry: IndexEntry?
        do throws(IndexerFailure) { entry = try await lookUp(file) } catch {
            return .unknown("the index did not say: \(error)")
        }
        guard item.action == .tombstone, let key = entry?.objectKey else {
            return .entry(entry, hasObject: false)
        }
        return .entry(entry, hasObject: try await store.head(key) != nil)
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
