/// What a check can find, and what somebody may pick besides.
enum RepairKind: String, CaseIterable, Sendable, Codable {
    case orphanObject = "orphan_object"
    case missingObject = "missing_object"
    case sizeMismatch = "size_mismatch"
    case digestMismatch = "digest_mismatch"
    case leakedMultipart = "leaked_multipart"
    case stuckState = "stuck_state"
    case eventGap = "event_gap"
    case indexMissing = "index_missing"
    case indexStale = "index_stale"
    case indexGhost = "index_ghost"
    case quotaDrift = "quota_drift"
    /// No check finds it: somebody has looked at the file.
    case quarantinedFile = "quarantined_file"
}

/// What can be done about a finding. None of it deletes an object: what must go is ordered from the cleanup consumer.
enum RepairAction: String, CaseIterable, Sendable, Codable {
    /// The object goes to the trash, from where it comes back by an undo.
    case quarantine
    /// It gets a row again, made of what it and the index say; an undo takes the row away and leaves the object.
    case adopt
    /// Its row is doomed: the removal that is under way is asked for again.
    case discardAgain = "discard_again"
    /// The file goes into quarantine: it is not served any more, and an undo lets it out.
    case markLost = "mark_lost"
    /// The file goes to the users' trash, as if it was deleted; what was its row is kept beside.
    case remove
    /// The multipart upload is aborted. Cannot be undone.
    case abort
    /// The saga that should have brought the state to its end is made due.
    case wake
    /// The event of the file's version is appended again.
    case republish
    /// The file is told again under a new version: what consumers took in before keeps none of them from taking it in.
    case reindex
    /// Consumers are told that a file nobody knows is gone for good. Cannot be undone.
    case tombstone
    /// What the tenant is charged for is counted anew. Need not be undone.
    case recount
    /// The file is served again if its bytes are what was acknowledged; an undo puts it into quarantine once more.
    case release
    /// Nothing.
    case leave

    /// Whether it takes something away from somebody: the brake counts it.
    var isHarmful: Bool {
        switch self {
        case .quarantine, .discardAgain, .markLost, .remove, .abort, .tombstone: true
        case .adopt, .wake, .republish, .reindex, .recount, .release, .leave: false
        }
    }
}

extension RepairKind {
    /// What may be done, what is done when nobody chooses first.
    var actions: [RepairAction] {
        switch self {
        case .orphanObject: [.quarantine, .adopt, .leave]
        case .missingObject: [.markLost, .remove, .leave]
        case .sizeMismatch, .digestMismatch: [.markLost, .leave]
        case .leakedMultipart: [.abort, .leave]
        case .stuckState: [.wake, .leave]
        case .eventGap: [.republish, .leave]
        case .indexMissing, .indexStale: [.reindex, .leave]
        case .indexGhost: [.reindex, .tombstone, .leave]
        case .quotaDrift: [.recount, .leave]
        case .quarantinedFile: [.release, .leave]
        }
    }
}

/// Which findings a plan is about.
enum RepairScope: String, CaseIterable, Sendable, Codable {
    /// What lies in the bucket without a row.
    case orphanedFiles = "orphaned-files"
    /// Rows whose object is missing, or is another one.
    case orphanedRecords = "orphaned-records"
    case full
    /// Those somebody picked.
    case selection

    var kinds: [RepairKind] {
        switch self {
        case .orphanedFiles: [.orphanObject, .leakedMultipart]
        case .orphanedRecords: [.missingObject, .sizeMismatch, .digestMismatch]
        case .full, .selection: RepairKind.allCases
        }
    }
}
