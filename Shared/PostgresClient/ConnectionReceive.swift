internal import CLibpq

/// Taking the answers of the unit under way.
extension Connection {
    /// Takes every answer that has fully arrived; never waits.
    func drain() {
        var emptyCount = 0
        while closeReason == nil, let current = unit, !current.isSendingCopy, PQisBusy(raw) == 0 {
            guard let answer = PQgetResult(raw) else {
                emptyCount += 1
                endOfStatement(current.work)
                // One NULL ends a statement; two in a row mean that there is nothing to wait for.
                if emptyCount > 1 { return }
                continue
            }
            emptyCount = 0
            take(ResultHandle(owning: answer))
        }
    }

    private func endOfStatement(_ work: Unit.Work) {
        switch work {
        case .pipeline: unit?.stepIndex += 1
        case .script, .copy: finishPlainUnit()
        }
    }

    private func take(_ result: ResultHandle) {
        switch result.status {
        case PGRES_PIPELINE_SYNC: finishUnit(unit?.outcome ?? .success([]))
        case PGRES_PIPELINE_ABORTED: return
        case PGRES_COPY_IN: beginCopy()
        case PGRES_COPY_OUT, PGRES_COPY_BOTH: close(.unexpectedResult("COPY TO is not supported"))
        default: record(result)
        }
    }

    private func record(_ result: ResultHandle) {
        let failure = result.failure
        switch currentStep {
        case .prepare(let statement, let name)?:
            if failure == nil { prepared[statement] = name }
        case .execute?:
            if failure == nil { unit?.results.append(result) }
            // The server has forgotten the statement, or its result type has changed (a migration): prepare again next time.
            if case .refused(let state, _, _)? = failure, state == "26000" || state == "0A000" {
                prepared = [:]
            }
        case nil:
            if failure == nil { unit?.results.append(result) }
        }
        if unit?.failure == nil { unit?.failure = failure }
    }

    private var currentStep: Unit.Step? {
        guard let unit, unit.steps.indices.contains(unit.stepIndex) else { return nil }
        return unit.steps[unit.stepIndex]
    }

    private func finishPlainUnit() {
        // A lost connection also ends the statement: then `ready` closes, which says so to the caller.
        guard PQstatus(raw) == CONNECTION_OK else { return }
        do throws(DatabaseError) {
            try enterPipelineMode()
            finishUnit(unit?.outcome ?? .success([]))
        } catch { close(error) }
    }

    // MARK: - COPY

    private func beginCopy() {
        guard case .copy? = unit?.work else {
            return close(.unexpectedResult("COPY needs copyIn"))
        }
        unit?.isCopying = true
        flush()
    }

    /// Hands libpq the next piece when the previous one has left.
    /// - Returns: whether there is something new to flush.
    func continueCopy() -> Bool {
        guard let current = unit, current.isSendingCopy, case .copy(_, let input) = current.work else {
            return false
        }
        let end = min(input.count, current.copiedByteCount + copyPieceByteCount)
        let sent = input[current.copiedByteCount..<end].withUnsafeBytes { piece in
            PQputCopyData(raw, piece.baseAddress?.assumingMemoryBound(to: CChar.self), Int32(piece.count))
        }
        if sent == 1 { unit?.copiedByteCount = end }
        if sent == 1, end == input.count { unit?.isCopyEnded = PQputCopyEnd(raw, nil) == 1 }
        guard sent >= 0 else {
            close(.connectionLost(libpqMessage))
            return false
        }
        return true
    }
}

private let copyPieceByteCount = 65_536
