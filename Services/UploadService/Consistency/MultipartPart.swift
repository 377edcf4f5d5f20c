import Determinism
import ObjectStore
import PostgresClient

/// Compares the multipart uploads the store has open with those the ledger knows.
struct MultipartPart: CheckPart {
    let name = CheckProgress.multipart
    let tools: CheckTools

    func run(
        from start: PartProgress,
        save: @Sendable (PartProgress, [Finding]) async throws(CheckFailure) -> Void
    ) async throws(CheckFailure) {
        // From the first again after a crash: a marker is not worth keeping for a list this short.
        var progress = PartProgress()
        var marker: UploadsPage.Marker?
        repeat {
            let page = try await page(after: marker)
            if let next = page.next, next == marker {
                throw .disorder("the list of multipart uploads repeats a page")
            }
            let (findings, inFlightCount) = try await settle(page.uploads)
            progress.add(page.uploads.count, to: .multipartUploads)
            progress.add(inFlightCount, to: .inFlight)
            marker = page.next
            progress.isDone = marker == nil
            try await save(progress, findings)
        } while marker != nil
    }

    private func page(after marker: UploadsPage.Marker?) async throws(CheckFailure) -> UploadsPage {
        try await tools.budget.take()
        do {
            return try await tools.store.listMultipartUploads(prefix: "", after: marker, limit: 1_000)
        } catch { throw CheckFailure(error) }
    }

    private func settle(
        _ uploads: [UploadsPage.Upload]
    ) async throws(CheckFailure) -> (findings: [Finding], inFlightCount: Int) {
        let uploads = uploads.filter { !ObjectKeyForm.isReserved($0.key) }
        let before = try await rows(of: uploads)
        let now = tools.time.now
        let suspects = uploads.filter { Self.trouble($0, before[KeyText($0.key)], now) != nil }
        guard !suspects.isEmpty else { return ([], 0) }
        do { try await tools.time.sleep(for: tools.settings.recheckPause) } catch { throw .stopped }
        var findings: [Finding] = []
        var inFlightCount = 0
        for suspect in suspects {
            let isOpen = try await isStillOpen(suspect)
            let key = KeyText(suspect.key)
            // After the store was asked: a row that is the same still was right all the while.
            let after = try await rows(of: [suspect])[key]
            let isSame = after.map { $0.isUnchanged(since: before[key]) } ?? (before[key] == nil)
            guard isOpen, isSame, let trouble = Self.trouble(suspect, after, now) else {
                inFlightCount += 1
                continue
            }
            findings.append(Self.finding(suspect, after, trouble))
        }
        return (findings, inFlightCount)
    }

    /// For so long a request that opened a multipart upload may take to abort it.
    private static let abortPatience: Duration = .seconds(900)

    /// Why nobody will ever complete it, or abort it; nil when somebody will.
    private static func trouble(_ upload: UploadsPage.Upload, _ row: RowFacts?, _ now: Timestamp) -> String? {
        guard let row else { return "no row has its key" }
        switch row.uploadState {
        case .pending, .active, .completing:
            // One that is not recorded yet may be the one that is about to be.
            guard let recorded = row.multipartID, recorded != upload.uploadID else { return nil }
            // Of two that were opened at the same time the loser is aborted by whoever opened it.
            if let initiated = upload.initiated, now.duration(since: initiated) < abortPatience { return nil }
            return "the upload is \(row.uploadState.rawValue) with another multipart upload"
        case .completed, .reaped: return "the upload is \(row.uploadState.rawValue)"
        // Its removal is under way; one that takes too long is stuck.
        case .failed, .aborted, .expired: return nil
        }
    }

    private static func finding(_ upload: UploadsPage.Upload, _ row: RowFacts?, _ trouble: String) -> Finding
    {
        var finding = Finding(.leakedMultipart, key: KeyText(upload.key), row: row, object: nil, trouble)
        finding = Finding(
            kind: .leakedMultipart,
            subject: upload.uploadID,
            detail: trouble,
            tenant: finding.tenant,
            fileID: finding.fileID,
            uploadID: finding.uploadID,
            objectKey: finding.objectKey,
            multipartID: upload.uploadID,
            rowVersion: finding.rowVersion,
            rowState: row?.uploadState.rawValue
        )
        return finding
    }

    /// The store lists some that it does not know any more: only what has parts to list, or none yet, is there.
    private func isStillOpen(_ upload: UploadsPage.Upload) async throws(CheckFailure) -> Bool {
        try await tools.budget.take()
        do {
            _ = try await tools.store.listParts(upload.key, uploadID: upload.uploadID, after: 0)
            return true
        } catch .notFound { return false } catch { throw CheckFailure(error) }
    }

    private func rows(of uploads: [UploadsPage.Upload]) async throws(CheckFailure) -> [KeyText: RowFacts] {
        try await asked { () throws(DatabaseError) in
            try await ComparisonStore.rows(of: uploads.map { KeyText($0.key) }, on: tools.pool)
        }
    }
}
