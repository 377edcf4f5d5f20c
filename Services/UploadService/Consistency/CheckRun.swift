import Determinism
import Leases
import Logging
import ObjectStore
import PostgresClient
import ServiceParts
import Synchronization

/// Drives one check from where it stands to its report.
struct CheckRun: Sendable {
    let check: StoredCheck
    /// Every write names it.
    let lease: Lease
    let tools: CheckTools
    let gaps: EventsPart.Gaps?
    let logger: Logger

    /// - Returns: the report.
    /// - Throws: `.stopped` when this process may not go on: what was saved stays, and another goes on from there.
    @discardableResult
    func run() async throws(CheckFailure) -> CheckReport {
        var trouble: [String: String] = [:]
        if let reason = try await surroundings() {
            trouble["surroundings"] = "before: \(reason)"
        } else {
            try await compareAll(try await plan())
        }
        if trouble.isEmpty, let reason = try await surroundings() {
            trouble["surroundings"] = "after: \(reason)"
        }
        return try await end(trouble)
    }

    /// Why nothing can be concluded from what bucket and database say; nil when they are the ones they were.
    private func surroundings() async throws(CheckFailure) -> String? {
        do throws(StoreFailure) { try await tools.bucket.confirm() } catch {
            if case .cancelled = error { throw .stopped }
            return "\(error)"
        }
        let incarnation = try await asked { () throws(DatabaseError) in
            try await ComparisonStore.incarnation(on: tools.pool)
        }
        guard let incarnation else { return "the database is a replica" }
        guard incarnation == check.incarnation else {
            return "the database is now \(incarnation), not \(check.incarnation)"
        }
        let holds = try await asked { () throws(DatabaseError) in
            try await CheckStore.holds(check.id, on: tools.pool)
        }
        return holds ? nil : "the database's epoch is not the one the check was begun in"
    }

    private func plan() async throws(CheckFailure) -> CheckProgress {
        guard check.progress.parts.isEmpty else { return check.progress }
        let plan = CheckPlan(tools: tools, request: check.request, hasEvents: gaps != nil)
        let progress = try await plan.make()
        try await fenced { tx throws(DatabaseError) in
            try await CheckStore.plan(progress, of: check.id, in: tx)
        }
        return progress
    }

    private func compareAll(_ progress: CheckProgress) async throws(CheckFailure) {
        let share = try await digestShare()
        let due = progress.parts.filter { !$0.value.isDone && $0.value.skipped == nil }.keys.sorted()
        @Sendable func run(_ name: String) async -> Result<Void, CheckFailure> {
            await Result { () async throws(CheckFailure) in
                guard let part = self.part(name, share), let start = progress.parts[name] else { return }
                try await compare(part, from: start)
            }
        }
        let ranges = due.filter { $0.hasPrefix(CheckProgress.ranges) }
        let others = due.filter { !$0.hasPrefix(CheckProgress.ranges) }
        // Each of the other sources is compared beside the ranges, and takes the place of none of them.
        async let ended = inParallel(others, limit: others.count, run)
        let results = await inParallel(ranges, limit: tools.settings.rangeCount, run)
        for (_, result) in results + (await ended) { try result.get() }
    }

    /// The share of the objects that are read back and hashed.
    private func digestShare() async throws(CheckFailure) -> Double {
        switch check.request.digests {
        case .none: return 0
        case .full: return 1
        case .sampled:
            let rowCount = try await asked { () throws(DatabaseError) in
                try await ComparisonStore.estimatedRowCount(on: tools.pool)
            }
            return Double(tools.settings.sampleCount) / Double(max(1, rowCount))
        }
    }

    private func part(_ name: String, _ digestShare: Double) -> (any CheckPart)? {
        switch name {
        case CheckProgress.multipart: MultipartPart(tools: tools)
        case CheckProgress.openings: OpeningsPart(tools: tools)
        case CheckProgress.states: StatesPart(tools: tools)
        case CheckProgress.quotas: QuotasPart(tools: tools)
        case CheckProgress.events: gaps.map { EventsPart(tools: tools, gaps: $0) }
        case CheckProgress.index: tools.indexer.map { IndexPart(tools: tools, client: $0) }
        default: RangePart(name: name, tools: tools, digestShare: digestShare)
        }
    }

    /// What fails for good is a loss of this part: the others go on.
    private func compare(_ part: any CheckPart, from start: PartProgress) async throws(CheckFailure) {
        let last = Mutex(start)
        var attempt = 1
        while true {
            do {
                let progress = last.withLock { $0 }
                return try await part.run(from: progress) { progress, findings throws(CheckFailure) in
                    try await save(part.name, progress, findings)
                    last.withLock { $0 = progress }
                }
            } catch {
                if case .stopped = error { throw error }
                logger.warning(
                    "part of a consistency check failed",
                    metadata: ["part": "\(part.name)", "attempt": "\(attempt)", "error": "\(error)"]
                )
                guard error.isTransient, attempt < tools.settings.attemptLimit else {
                    var progress = last.withLock { $0 }
                    progress.lose(["\(error)"])
                    return try await save(part.name, progress, [])
                }
                attempt += 1
                do { try await tools.time.sleep(for: tools.settings.recheckPause) } catch { throw .stopped }
            }
        }
    }

    private func save(
        _ part: String,
        _ progress: PartProgress,
        _ findings: [Finding]
    ) async throws(CheckFailure) {
        let isRunning = try await fenced { tx throws(DatabaseError) in
            try await FindingStore.insert(findings, of: check.id, in: tx)
            return try await CheckStore.save(part, progress, of: check.id, in: tx)
        }
        guard isRunning else { throw .stopped }
    }

    /// - Throws: `.stopped` when the lease is another's by now; nothing is changed then.
    @discardableResult
    func fenced<Value: Sendable>(
        _ body: @Sendable (borrowing Transaction) async throws(DatabaseError) -> Value
    ) async throws(CheckFailure) -> Value {
        let value: Value?
        do {
            value = try await tools.pool.withRetriedTransaction {
                (tx: borrowing Transaction) async throws(DatabaseError) -> Value? in
                guard try await LeaseStore.isCurrent(lease, in: tx) else { return nil }
                return try await body(tx)
            }
        } catch {
            guard let reason = error.databaseError, reason != .cancelled else { throw .stopped }
            throw .database(reason)
        }
        guard let value else { throw .stopped }
        return value
    }
}
