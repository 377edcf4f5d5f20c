import Determinism
import ObjectStore
import PostgresClient

/// Looks at multipart uploads, listed or remembered: whether the store has them, and whether anybody will ever complete or abort
/// them.
struct MultipartLook: Sendable {
    let tools: CheckTools

    struct Outcome: Sendable {
        var findings: [Finding] = []
        /// Gone, or changed, when they were looked at again.
        var inFlightCount = 0
    }

    /// For so long a request that opened a multipart upload may take to abort it, and one whose answer got lost to be carried
    /// out.
    static let patience: Duration = .seconds(900)

    /// Looks again at those that seem to be nobody's.
    ///
    /// - Parameter before: the rows of their keys, read after they were listed.
    func settle(
        _ uploads: [UploadsPage.Upload],
        _ before: [KeyText: RowFacts]
    ) async throws(CheckFailure) -> Outcome {
        let now = tools.time.now
        let suspects = uploads.filter { Self.trouble($0, before[KeyText($0.key)], now) != nil }
        var outcome = Outcome()
        guard !suspects.isEmpty else { return outcome }
        do { try await tools.time.sleep(for: tools.settings.recheckPause) } catch { throw .stopped }
        for suspect in suspects {
            let isOpen = try await isOpen(suspect)
            let key = KeyText(suspect.key)
            // After the store was asked: a row that is the same still was right all the while.
            let after = try await rows(of: [suspect])[key]
            let isSame = after.map { $0.isUnchanged(since: before[key]) } ?? (before[key] == nil)
            guard isOpen, isSame, let trouble = Self.trouble(suspect, after, now) else {
                outcome.inFlightCount += 1
                continue
            }
            outcome.findings.append(Self.finding(suspect, after, trouble))
        }
        return outcome
    }

    /// Why nobody will ever complete it, or abort it; nil when somebody will.
    static func trouble(_ upload: UploadsPage.Upload, _ row: RowFacts?, _ now: Timestamp) -> String? {
        guard let row else { return "no row has its key" }
        switch row.uploadState {
        case .pending, .active, .completing:
            // One that is not recorded yet may be the one that is about to be.
            guard let recorded = row.names?.multipartID, recorded != upload.uploadID else { return nil }
            // Of two that were opened at the same time the loser is aborted by whoever opened it.
            if let initiated = upload.initiated, now.duration(since: initiated) < patience { return nil }
            return "the upload is \(row.uploadState.rawValue) with another multipart upload"
        case .completed, .reaped: return "the upload is \(row.uploadState.rawValue)"
        // Its removal is under way; one that takes too long is stuck.
        case .failed, .aborted, .expired: return nil
        }
    }

    private static func finding(_ upload: UploadsPage.Upload, _ row: RowFacts?, _ trouble: String) -> Finding
    {
        let facts = Finding(.leakedMultipart, key: KeyText(upload.key), row: row, object: nil, trouble)
        return Finding(
            kind: .leakedMultipart,
            subject: upload.uploadID,
            detail: trouble,
            tenant: facts.tenant,
            fileID: facts.fileID,
            uploadID: facts.uploadID,
            objectKey: facts.objectKey,
            multipartID: upload.uploadID,
            rowVersion: facts.rowVersion,
            rowState: row?.uploadState.rawValue
        )
    }

    /// Some stores list what they do not know any more, and some do not list what they have: only what has parts to list, or
    /// none yet, is there.
    func isOpen(_ upload: UploadsPage.Upload) async throws(CheckFailure) -> Bool {
        try await tools.budget.take()
        do {
            _ = try await tools.store.listParts(upload.key, uploadID: upload.uploadID, after: 0)
            return true
        } catch .notFound("NoSuchUpload") { return false } catch { throw CheckFailure(error) }
    }

    func rows(of uploads: [UploadsPage.Upload]) async throws(CheckFailure) -> [KeyText: RowFacts] {
        try await asked { () throws(DatabaseError) in
            try await ComparisonStore.rows(of: uploads.map { KeyText($0.key) }, on: tools.pool)
        }
    }

    /// Of every key that begins with `prefix`, from `marker` on.
    func list(
        prefix: String,
        after marker: UploadsPage.Marker?
    ) async throws(CheckFailure) -> UploadsPage {
        try await tools.budget.take()
        let page: UploadsPage
        do {
            page = try await tools.store.listMultipartUploads(prefix: prefix, after: marker, limit: 1_000)
        } catch { throw CheckFailure(error) }
        if let next = page.next, next == marker {
            throw .disorder("the list of multipart uploads repeats a page")
        }
        return page
    }
}
