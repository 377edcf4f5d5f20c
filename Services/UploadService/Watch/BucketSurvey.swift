import Determinism
import ObjectStore
import PostgresClient
import ServiceParts

import struct FoundationEssentials.UUID

/// Looks in the bucket for objects that the database has forgotten.
///
/// A listing is believed no more than a check believes it: it must be in order, come to an end and show the deployment's marker,
/// and whatever is known to be there, from rows or from the index, must be in it. Else an object that was acknowledged might be
/// taken for one that never was.
struct BucketSurvey: Sendable {
    let pool: PostgresPool
    let store: any ObjectStore
    let bucket: BucketIdentity
    let budget: RequestBudget
    let list: ObjectListing.Lister

    /// The listing cannot be relied on.
    private struct Unreliable: Error { let reason: String }

    private static let source = "bucket"

    /// Adds what is found; also what keeps it from being all.
    ///
    /// - Throws: what the database fails with.
    func compare(_ report: inout LossReport) async throws {
        var found = report
        do {
            try await bucket.confirm()
            try await walk(&found)
        } catch let failure as Unreliable {
            found.skip(Self.source, failure.reason)
        } catch let failure as StoreFailure {
            found.skip(Self.source, "\(failure)")
        } catch let failure as CheckFailure {
            switch failure {
            case .store, .disorder, .indexer: found.skip(Self.source, "\(failure)")
            case .database(let error): throw error
            case .stopped: throw CancellationError()
            }
        }
        // In another bucket everything would have been found; of what was proven in this one nothing is lost.
        do { try await bucket.confirm() } catch {
            return report.skip(Self.source, "\(error)")
        }
        report = found
    }

    private func walk(_ report: inout LossReport) async throws {
        let since = report.begunAt
        var expected = try await toldObjects(&report)
        var comparison = Compare(
            ObjectListing(after: nil, upTo: nil, budget: budget, list: list),
            RowPages(after: nil, upTo: nil, on: pool),
            leftKey: \.key,
            rightKey: \.key
        )
        while let (pairings, _) = try await comparison.next() {
            var (suspects, absent): ([ObjectListing.Object], [KeyText]) = ([], [])
            for pairing in pairings {
                switch pairing {
                case .left(let object):
                    expected.remove(object.key)
                    suspects.append(object)
                case .both(let object, let row):
                    expected.remove(object.key)
                    if row.uploadState.isOpen { suspects.append(object) }
                case .right(let row): if row.shouldHaveObject(since) { absent.append(row.key) }
                }
            }
            try await expectAbsence(of: absent)
            try await add(suspects, to: &report)
        }
        guard comparison.leftSource.markerCount > 0 else {
            throw Unreliable(reason: "the listing does not show the deployment's marker")
        }
        try await expectAbsence(of: expected)
    }

    /// Objects of files that only the index knows. Those that are not there cannot be adopted.
    private func toldObjects(_ report: inout LossReport) async throws -> Set<KeyText> {
        var keys: Set<KeyText> = []
        let named = report.losses.filter { $0.kind == .unknownFile }.compactMap(\.objectKey)
        let refused = try await LossStore.refused(named, on: pool)
        for place in report.losses.indices {
            let loss = report.losses[place]
            guard loss.kind == .unknownFile, let key = loss.objectKey else { continue }
            if refused.contains(key) { report.losses[place].proposal = .look }
            try await budget.take()
            if let facts = try await store.head(key) {
                report.losses[place].size = facts.size
                keys.insert(KeyText(key))
            } else if loss.proposal == .adopt {
                report.losses[place].proposal = .look
            }
        }
        return keys
    }

    /// What is there all the same was left out, and nobody knows what else was.
    private func expectAbsence(of keys: some Sequence<KeyText>) async throws {
        for key in keys {
            try await budget.take()
            guard try await store.head(key.text) == nil else {
                throw Unreliable(reason: "the listing left out \(key.storable), which exists")
            }
        }
    }

    private func add(_ suspects: [ObjectListing.Object], to report: inout LossReport) async throws {
        let keys = suspects.map(\.key).filter(\.isStorable).map(\.text)
        guard !suspects.isEmpty else { return }
        let known = try await LossStore.known(keys, on: pool)
        let refused = try await LossStore.refused(keys.filter { !known.contains($0) }, on: pool)
        for object in suspects where !known.contains(object.key.text) {
            // Nobody is told more of what has no room in the list.
            guard report.hasRoomForObjects else {
                report.countObject()
                continue
            }
            if let loss = try await loss(object, isRefused: refused.contains(object.key.text)) {
                report.add(loss)
            }
        }
    }

    /// What the object says of itself: whoever adopts it needs both ids. Nil when it is not there any more.
    private func loss(_ object: ObjectListing.Object, isRefused: Bool) async throws -> Loss? {
        try await budget.take()
        guard let facts = try await store.head(object.key.text) else { return nil }
        let fileID = facts.metadata["file-id"].flatMap { UUID(uuidString: $0) }
        let uploadID = facts.metadata["upload-id"].flatMap { UUID(uuidString: $0) }
        let isAdoptable = fileID != nil && uploadID != nil && !isRefused
        return Loss(
            kind: .unknownObject,
            fileID: fileID,
            uploadID: uploadID,
            objectKey: object.key.storable,
            size: facts.size,
            proposal: isAdoptable ? .adopt : .look
        )
    }
}

extension UploadState {
    fileprivate var isOpen: Bool { [.pending, .active, .completing].contains(self) }
}

extension RowFacts {
    /// Whether its object was there before `instant`, if nothing was lost.
    fileprivate func shouldHaveObject(_ instant: Timestamp) -> Bool {
        guard let file else { return false }
        return [.available, .deleted].contains(file.state) && file.createdAt < instant
    }
}
