import Determinism

/// What a check has to say. Zero findings mean something only where it is complete.
struct CheckReport: Encodable, Equatable, Sendable {
    struct Coverage: Encodable, Equatable, Sendable {
        let mode: String
        let digests: String
        /// Of keys.
        let ranges: Int
        let rangesCompared: Int
        /// Passed over, because their rows are as they were when they were last compared.
        let rangesUnchanged: Int
        /// Seconds: what was compared so long ago at most may be passed over.
        let window: Int64
        /// Of the ranges compared now.
        let rowsCompared: Int64
        /// Of those that were passed over.
        let rowsUnchanged: Int64
        /// When the range was compared that was compared the longest ago; nil when some were not compared within the window.
        let oldestComparisonAt: String?

        enum CodingKeys: String, CodingKey {
            case mode, digests, ranges
            case rangesCompared = "ranges_compared"
            case rangesUnchanged = "ranges_unchanged"
            case window = "window_seconds"
            case rowsCompared = "rows_compared"
            case rowsUnchanged = "rows_unchanged"
            case oldestComparisonAt = "oldest_comparison_at"
        }
    }

    let id: String
    let isConsistent: Bool
    let isComplete: Bool
    /// Keys of the first of them.
    let orphanedObjects: [String]
    /// The same: rows without their object.
    let orphanedRows: [String]
    /// By kind; all kinds are named.
    let counts: [String: Int64]
    let inFlight: Int64
    let checked: [String: Int64]
    /// What was not compared, or not all of it, and why.
    let skipped: [String: String]
    let coverage: Coverage
    let incarnation: String
    /// Where the comparison of keys got to, when it did not get to the end.
    let cursor: String?
    let startedAt: String
    let finishedAt: String
    let details: [String: Int64]

    /// So many subjects are in the report itself.
    static let subjectLimit = 1_000

    enum CodingKeys: String, CodingKey {
        case id, counts, checked, skipped, coverage, incarnation, cursor, details
        case isConsistent = "is_consistent"
        case isComplete = "complete"
        case orphanedObjects = "orphaned_minio_files"
        case orphanedRows = "orphaned_database_records"
        case inFlight = "in_flight"
        case startedAt = "started_at"
        case finishedAt = "finished_at"
    }
}

extension CheckReport {
    /// - Parameters:
    ///   - progress: of the whole check, every part of it at its end.
    ///   - trouble: what became known after the comparison, by source.
    init(
        _ check: StoredCheck,
        _ progress: CheckProgress,
        trouble: [String: String],
        counts found: [FindingKind: Int64],
        orphanedObjects: [String],
        orphanedRows: [String],
        window: Duration,
        finishedAt: Timestamp
    ) {
        var skipped = trouble
        for (name, part) in progress.parts {
            if let reason = part.skipped {
                skipped[name] = reason
            } else if !part.losses.isEmpty {
                skipped[name] = part.losses.joined(separator: "; ")
            } else if !part.isDone {
                skipped[name] = "not finished"
            }
        }
        let ranges = progress.parts.filter { $0.key.hasPrefix(CheckProgress.ranges) }.values
        // The marker lies in the bucket as long as the deployment does: a listing without it is not one of this bucket.
        if ranges.allSatisfy({ $0.skipped == nil }), progress.total(.markers) == 0 {
            skipped["objects"] = "the listing does not show the deployment's marker"
        }
        let isComplete = skipped.isEmpty && !ranges.isEmpty
        id = check.id.text
        isConsistent = isComplete && found.values.allSatisfy { $0 == 0 }
        self.isComplete = isComplete
        self.orphanedObjects = orphanedObjects
        self.orphanedRows = orphanedRows
        counts = Dictionary(uniqueKeysWithValues: FindingKind.allCases.map { ($0.rawValue, found[$0] ?? 0) })
        inFlight = progress.total(.inFlight)
        checked = Self.totals(
            [.objects, .rows, .multipartUploads, .openings, .indexEntries, .digests, .states, .versions],
            progress
        )
        details = Self.totals([.etagChanged, .unverifiable, .quarantined, .indexRows], progress)
        self.skipped = skipped
        coverage = Coverage(check, Array(ranges), window)
        incarnation = check.incarnation
        cursor = progress.cursor
        startedAt = check.startedAt.rfc3339
        self.finishedAt = finishedAt.rfc3339
    }

    private static func totals(_ names: [CountName], _ progress: CheckProgress) -> [String: Int64] {
        Dictionary(uniqueKeysWithValues: names.map { ($0.rawValue, progress.total($0)) })
    }
}

extension CheckReport.Coverage {
    fileprivate init(_ check: StoredCheck, _ ranges: [PartProgress], _ window: Duration) {
        let unchanged = ranges.filter { $0.skipped != nil }
        let compared = ranges.filter { $0.isDone && $0.skipped == nil }
        mode = check.request.mode.rawValue
        digests = check.request.digests.rawValue
        self.ranges = ranges.count
        rangesCompared = compared.count
        rangesUnchanged = unchanged.count
        self.window = window.components.seconds
        rowsCompared = compared.reduce(0) { $0 + ($1.counts[CountName.rows.rawValue] ?? 0) }
        rowsUnchanged = unchanged.reduce(0) { $0 + ($1.rows?.count ?? 0) }
        let isWhole =
            compared.allSatisfy(\.losses.isEmpty) && compared.count + unchanged.count == ranges.count
        // As text of one form and zone they sort as they came.
        let now = compared.isEmpty ? [] : [check.startedAt.rfc3339]
        oldestComparisonAt = isWhole ? (unchanged.compactMap(\.comparedAt) + now).min() : nil
    }
}
