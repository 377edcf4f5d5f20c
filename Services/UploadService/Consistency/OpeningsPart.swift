import Determinism
import ObjectStore
import PostgresClient
import ServiceParts

/// Asks the store for every multipart upload it was ever asked to open and of which it is not known that it is gone: stores forget
/// to list what they have.
///
/// What the store does not have is taken off the ledger, so that each is asked for about once. What has no id, because the answer
/// that told it got lost, is looked for under its key: that every store lists.
struct OpeningsPart: CheckPart {
    let name = CheckProgress.openings
    let tools: CheckTools

    private static let pageLimit = 256
    private static let settleLimit = 2_000
    private let parallelLimit = 16

    func run(
        from start: PartProgress,
        save: @Sendable (PartProgress, [Finding]) async throws(CheckFailure) -> Void
    ) async throws(CheckFailure) {
        var progress = start
        let pool = tools.pool
        var last = start.cursor.flatMap { Int64($0) } ?? 0
        try await settleCompleted(after: last)
        repeat {
            let after = last
            let page = try await asked { () throws(DatabaseError) in
                try await OpeningStore.page(after: after, limit: Self.pageLimit, on: pool)
            }
            let outcome = try await look(at: page, &progress)
            progress.add(outcome.inFlightCount, to: .inFlight)
            progress.isDone = page.count < Self.pageLimit
            last = page.last?.id ?? last
            progress.cursor = "\(last)"
            try await save(progress, outcome.findings)
        } while !progress.isDone
    }

    private func settleCompleted(after start: Int64) async throws(CheckFailure) {
        var last: Int64? = start
        while let after = last {
            last = try await asked { () throws(DatabaseError) in
                try await OpeningStore.settleCompleted(after: after, limit: Self.settleLimit, on: tools.pool)
            }
        }
    }

    private func look(
        at openings: [Opening],
        _ progress: inout PartProgress
    ) async throws(CheckFailure) -> MultipartLook.Outcome {
        let look = MultipartLook(tools: tools)
        let now = tools.time.now
        let rows = try await look.rows(of: openings.map { $0.upload(as: $0.multipartID ?? "") })
        let due = openings.filter { $0.isDue(rows[KeyText($0.objectKey)], now) }
        let answers = await inParallel(due, limit: parallelLimit) { opening in
            await Result { () async throws(CheckFailure) in try await open(opening, look) }
        }
        var (gone, found): ([Int64], [UploadsPage.Upload]) = ([], [])
        for (opening, answer) in answers {
            let uploads = try answer.get()
            if uploads.isEmpty { gone.append(opening.id) }
            found += uploads
        }
        progress.add(due.count, to: .openings)
        try await settle(gone)
        return try await look.settle(found, rows)
    }

    /// What the store has of it.
    private func open(
        _ opening: Opening,
        _ look: MultipartLook
    ) async throws(CheckFailure) -> [UploadsPage.Upload] {
        if let id = opening.multipartID {
            let upload = opening.upload(as: id)
            return try await look.isOpen(upload) ? [upload] : []
        }
        var found: [UploadsPage.Upload] = []
        var marker: UploadsPage.Marker?
        repeat {
            let page = try await look.list(prefix: opening.objectKey, after: marker)
            for upload in page.uploads where upload.key == opening.objectKey {
                if try await look.isOpen(upload) { found.append(upload) }
            }
            marker = page.next
        } while marker != nil
        return found
    }

    /// In another bucket everything is gone.
    private func settle(_ gone: [Int64]) async throws(CheckFailure) {
        guard !gone.isEmpty else { return }
        do { try await tools.bucket.confirm() } catch { throw CheckFailure(error) }
        try await asked { () throws(DatabaseError) in try await OpeningStore.settle(gone, on: tools.pool) }
    }
}

extension Opening {
    func upload(as id: String) -> UploadsPage.Upload {
        UploadsPage.Upload(key: objectKey, uploadID: id, initiated: openedAt)
    }

    /// Whether nobody will ever use it or see to it, so that the store should not have it.
    fileprivate func isDue(_ row: RowFacts?, _ now: Timestamp) -> Bool {
        let isOld = now.duration(since: openedAt) >= MultipartLook.patience
        if let multipartID {
            // Whoever opened one too many may be about to abort it, although the upload has become a file.
            if row?.uploadState == .completed, !isOld { return false }
            return MultipartLook.trouble(upload(as: multipartID), row, now) != nil
        }
        // Of an upload that is under way its owner aborts whatever it finds beside its own, in the end.
        guard isOld else { return false }
        switch row?.uploadState {
        case .completed, .reaped, nil: return true
        case .pending, .active, .completing, .failed, .aborted, .expired: return false
        }
    }
}
