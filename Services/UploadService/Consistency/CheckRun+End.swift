import Determinism
import PostgresClient

import struct FoundationEssentials.UUID

/// What is left to do when everything was compared: in small transactions, each of which may be repeated, so that a check that
/// found much neither holds a long one open nor counts anything twice when it is gone on with after a crash.
extension CheckRun {
    /// Rows of one transaction.
    private static let batchLimit = 5_000

    /// - Parameter trouble: why nothing can be concluded from the comparison, by source.
    func end(_ trouble: [String: String]) async throws(CheckFailure) -> CheckReport {
        let progress = try await progress()
        let report = try await report(progress, trouble)
        // What was seen while the surroundings changed is no sighting: a repair will rest on it.
        if trouble.isEmpty {
            try await noteSightings()
            if report.isComplete { try await forgetSightings() }
            try await holding { tx throws(DatabaseError) in
                try await RangeStore.note(progress, of: check, in: tx)
            }
        }
        let isOver = try await fenced { tx throws(DatabaseError) in
            try await CheckStore.end(check.id, report, in: tx)
        }
        guard isOver else { throw .stopped }
        return report
    }

    /// A transaction that rests on what was compared.
    ///
    /// - Throws: `.stopped` also when another epoch has begun since: whoever goes on with the check finds that out, and ends it.
    private func holding<Value: Sendable>(
        _ body: @Sendable (borrowing Transaction) async throws(DatabaseError) -> Value
    ) async throws(CheckFailure) -> Value {
        let value = try await fenced { tx throws(DatabaseError) -> Value? in
            guard try await CheckStore.holds(check.id, in: tx) else { return nil }
            return try await body(tx)
        }
        guard let value else { throw .stopped }
        return value
    }

    private func progress() async throws(CheckFailure) -> CheckProgress {
        let stored = try await asked { () throws(DatabaseError) in
            try await CheckStore.find(check.id, on: tools.pool)
        }
        guard let progress = stored?.progress else { throw .stopped }
        return progress
    }

    private func report(
        _ progress: CheckProgress,
        _ trouble: [String: String]
    ) async throws(CheckFailure) -> CheckReport {
        let (id, pool) = (check.id, tools.pool)
        let (now, counts) = try await asked { () throws(DatabaseError) in
            (try await ComparisonStore.now(on: pool), try await FindingStore.counts(of: id, on: pool))
        }
        return CheckReport(
            check,
            progress,
            trouble: trouble,
            counts: counts,
            orphanedObjects: try await subjects(of: .orphanObject),
            orphanedRows: try await subjects(of: .missingObject),
            window: tools.settings.incrementalWindow,
            finishedAt: now
        )
    }

    private func subjects(of kind: FindingKind) async throws(CheckFailure) -> [String] {
        try await asked { () throws(DatabaseError) in
            try await FindingStore.subjects(
                of: kind,
                in: check.id,
                limit: CheckReport.subjectLimit,
                on: tools.pool
            )
        }
    }

    private func noteSightings() async throws(CheckFailure) {
        var last: Int64? = 0
        while let after = last {
            last = try await holding { tx throws(DatabaseError) in
                try await FindingStore.noteSightings(
                    of: check.id,
                    after: after,
                    limit: Self.batchLimit,
                    in: tx
                )
            }
        }
    }

    /// What a check that compared everything did not find is gone: seen again later, it is counted from then.
    private func forgetSightings() async throws(CheckFailure) {
        var count = Self.batchLimit
        while count == Self.batchLimit {
            count = try await holding { tx throws(DatabaseError) in
                try await FindingStore.forgetSightings(besides: check.id, limit: Self.batchLimit, in: tx)
            }
        }
    }
}
