import Digests
import EventContracts
import ObjectStore
import PostgresClient
import ServiceParts

/// One line of the ledger: what this service knows of a part beside what the store lists.
struct LedgerPart: Equatable, Sendable {
    let number: Int
    /// Of bytes that came through this service.
    let sha256: Digest256?
    let etag: String?
    /// What the client bound a presigned URL to.
    let checksum: PartChecksum?
    /// Somebody is sending it.
    let isArriving: Bool
}

/// The parts of a session as they are: the store's list held against the plan and the ledger. Never the client's list.
struct SeenParts: Equatable, Sendable {
    struct Part: Equatable, Sendable {
        let number: Int
        let size: Int64
        let etag: String
        let sha256: Digest256?
        /// Of the session's kind, or what came with the part where the session has none: the store misses a part whose
        /// checksum is not named.
        let checksum: PartChecksum?

        var completed: CompletedPart { CompletedPart(number: number, etag: etag, checksum: checksum) }
    }

    /// Right ones, ascending.
    private(set) var parts: [Part] = []
    private(set) var missing: [Int] = []
    /// Listed, but not what the plan, the ledger or their checksum demand.
    private(set) var wrong: [Int] = []
    /// As it was before the store was asked.
    let ledger: [LedgerPart]

    var byteCount: Int64 { parts.reduce(0) { $0 + $1.size } }
    var isComplete: Bool { missing.isEmpty && wrong.isEmpty }

    init(_ plan: PartPlan, _ kind: PartChecksum.Kind?, listed: [PartsPage.Part], ledger: [LedgerPart]) {
        self.ledger = ledger
        let listed = Dictionary(listed.map { ($0.number, $0) }) { _, last in last }
        let ledger = Dictionary(ledger.map { ($0.number, $0) }) { _, last in last }
        for number in 1...plan.partCount {
            let known = ledger[number]
            guard let part = listed[number], known?.isArriving != true else {
                missing.append(number)
                continue
            }
            let checksum = part.checksums.first { kind == nil || $0.kind == kind }
            guard part.size == plan.length(of: number), kind == nil || checksum != nil,
                known?.admits(part) ?? true
            else {
                wrong.append(number)
                continue
            }
            parts.append(
                Part(
                    number: number,
                    size: part.size,
                    etag: part.etag,
                    sha256: known?.sha256,
                    checksum: checksum
                )
            )
        }
    }
}

extension LedgerPart {
    /// Whether what the store holds is what was sent, as far as both can tell.
    fileprivate func admits(_ part: PartsPage.Part) -> Bool {
        if let etag, etag != part.etag { return false }
        guard let checksum, let kept = part.checksums.first(where: { $0.kind == checksum.kind }) else {
            return true
        }
        return kept == checksum
    }
}

extension [LedgerPart] {
    /// A part of which something else is known than in `earlier`. Both ascend.
    func firstChange(since earlier: [LedgerPart]) -> Int? {
        if let (now, before) = zip(self, earlier).first(where: { $0 != $1 }) {
            return Swift.min(now.number, before.number)
        }
        return (dropFirst(earlier.count).first ?? earlier.dropFirst(count).first)?.number
    }
}

extension UploadSessions {
    /// Looks at the store. What it sees there is progress.
    func seenParts(of session: UploadSession) async throws(SessionFailure) -> SeenParts {
        let upload = session.upload
        let ledger: [LedgerPart]
        do { ledger = try await PartStore.ledger(of: upload.id, on: pool) } catch { throw .database(error) }
        let listed = try await listedParts(of: session)
        let seen = SeenParts(session.plan, session.checksum, listed: listed, ledger: ledger)
        do {
            try await UploadStore.noteSeenParts(
                seen.parts.count,
                of: upload.id,
                expiry: limits.expiry,
                on: pool
            )
        } catch { throw .database(error) }
        return seen
    }

    private func listedParts(of session: UploadSession) async throws(SessionFailure) -> [PartsPage.Part] {
        guard let multipartID = session.multipartID else { return [] }
        guard let admission = budget.admit(session.upload.tenant) else { throw .busy }
        defer { withExtendedLifetime(admission) {} }
        do {
            return try await store.allParts(session.upload.objectKey.text, uploadID: multipartID)
        } catch .notFound("NoSuchUpload") {
            // Because the session has ended meanwhile?
            try requireOpen(try await reread(session))
            throw .partsUnknown
        } catch { throw .store(error) }
    }

    /// The store has given the multipart upload up: stores do that after a time of their own, and an operator may. When it still says
    /// so after a while, its parts are gone, and the session goes on with another one.
    func noteLoss(of multipartID: String, of session: UploadSession) async throws(SessionFailure) {
        let (id, patience) = (session.upload.id, limits.lossPatience)
        try await transaction { tx in
            // In a restored database it may be a session that has become a file: its parts are one object by now.
            guard try await !SafeMode.isOn(in: tx) else { return }
            guard try await UploadStore.noteLoss(of: multipartID, of: id, patience: patience, in: tx) == true,
                try await UploadStore.dropMultipartID(multipartID, of: id, in: tx)
            else { return }
            try await PartStore.remove(id, in: tx)
        }
    }
}

extension ObjectStore {
    /// Every page. A listing that breaks off is thrown, never taken for a short one.
    func allParts(_ key: String, uploadID: String) async throws(StoreFailure) -> [PartsPage.Part] {
        var listed: [PartsPage.Part] = []
        var marker: Int? = 0
        while let after = marker {
            let page = try await listParts(key, uploadID: uploadID, after: after)
            listed += page.parts
            marker = page.next
        }
        return listed
    }
}
