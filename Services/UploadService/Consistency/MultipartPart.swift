import ObjectStore

/// Compares the multipart uploads the store lists with those the ledger knows.
struct MultipartPart: CheckPart {
    let name = CheckProgress.multipart
    let tools: CheckTools

    func run(
        from start: PartProgress,
        save: @Sendable (PartProgress, [Finding]) async throws(CheckFailure) -> Void
    ) async throws(CheckFailure) {
        let look = MultipartLook(tools: tools)
        // From the first again after a crash: a marker is not worth keeping for a list this short.
        var progress = PartProgress()
        var marker: UploadsPage.Marker?
        repeat {
            let page = try await look.list(prefix: "", after: marker)
            let uploads = page.uploads.filter { !ObjectKeyForm.isReserved($0.key) }
            let outcome = try await look.settle(uploads, try await look.rows(of: uploads))
            progress.add(page.uploads.count, to: .multipartUploads)
            progress.add(outcome.inFlightCount, to: .inFlight)
            marker = page.next
            progress.isDone = marker == nil
            try await save(progress, outcome.findings)
        } while marker != nil
    }
}
