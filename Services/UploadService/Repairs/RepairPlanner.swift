import EventContracts

import struct FoundationEssentials.UUID

/// A finding of a check, with what the rows say now of its key.
struct RepairFinding: Equatable, Sendable {
    let id: Int64
    let kind: RepairKind
    let subject: String
    let tenant: String?
    let fileID: UUID?
    let uploadID: UUID?
    let objectKey: String?
    let multipartID: String?
    let rowVersion: Int64?
    let rowState: String?
    let size: Int64?
    let etag: String?
    /// Of the upload that has the key; nil when none has.
    let upload: UploadState?
    /// Of that upload's file.
    let file: FileState?
}

/// Which action is chosen for a finding: pure, so that every case can be tried.
struct RepairPlanner: Sendable {
    /// What somebody chose instead of the first of `RepairKind.actions`.
    let policy: [RepairKind: RepairAction]

    func item(_ number: Int, _ finding: RepairFinding) -> RepairItem {
        RepairItem(
            number: number,
            findingID: finding.id,
            kind: finding.kind,
            action: action(for: finding),
            subject: finding.subject,
            tenant: finding.tenant ?? finding.objectKey.flatMap { ObjectKey($0)?.tenant },
            fileID: finding.fileID,
            uploadID: finding.uploadID,
            objectKey: finding.objectKey,
            multipartID: finding.multipartID,
            rowVersion: finding.rowVersion,
            rowState: finding.rowState,
            size: finding.size,
            etag: finding.etag
        )
    }

    func action(for finding: RepairFinding) -> RepairAction {
        let chosen = policy[finding.kind] ?? finding.kind.actions.first ?? .leave
        guard chosen != .leave, finding.kind.actions.contains(chosen) else { return .leave }
        switch finding.kind {
        case .orphanObject: return orphanAction(finding, chosen)
        case .leakedMultipart: return multipartAction(finding, chosen)
        case .missingObject, .sizeMismatch, .digestMismatch, .eventGap, .indexMissing, .indexStale,
            .quarantinedFile:
            return finding.fileID == nil ? .leave : chosen
        // An entry whose file nobody knows may be all that is left of one that was lost: unless somebody chose the
        // tombstone, the run leaves it.
        case .indexGhost: return finding.fileID == nil ? .leave : chosen
        case .stuckState: return stuckAction(finding, chosen)
        case .quotaDrift: return chosen
        }
    }

    private func stuckAction(_ finding: RepairFinding, _ chosen: RepairAction) -> RepairAction {
        // Whose file has gone, or another's key: no saga is owed, only a person can tell what happened.
        let isLost = finding.rowState == UploadState.completed.rawValue
        return isLost || (finding.fileID == nil && finding.uploadID == nil) ? .leave : chosen
    }

    private func orphanAction(_ finding: RepairFinding, _ chosen: RepairAction) -> RepairAction {
        // A key that is not of our making is somebody else's, whatever it lies beside.
        guard let key = finding.objectKey, ObjectKey(key) != nil, finding.size != nil,
            finding.etag?.isEmpty == false
        else { return .leave }
        switch RowStanding(finding.upload, finding.file) {
        case .none, .over: return chosen
        case .doomed: return .discardAgain
        case .purging: return .wake
        case .open, .live: return .leave
        }
    }

    private func multipartAction(_ finding: RepairFinding, _ chosen: RepairAction) -> RepairAction {
        guard let key = finding.objectKey, ObjectKey(key) != nil, finding.multipartID != nil else {
            return .leave
        }
        switch RowStanding(finding.upload, finding.file) {
        case .none, .over: return chosen
        case .doomed: return .discardAgain
        case .purging: return .wake
        // Left over beside a file that is there.
        case .live: return chosen
        case .open: return .leave
        }
    }
}

/// What the rows say of an object key.
enum RowStanding: Equatable, Sendable {
    /// No row has it, and none ever will: a row is committed before the first byte leaves.
    case none
    /// The upload is under way.
    case open
    /// The file is there, or in its users' trash, or ought to be.
    case live
    /// The upload came to nothing; its bytes are being removed.
    case doomed
    /// The file's bytes are being removed.
    case purging
    /// The row is a tombstone: whatever lies there came afterwards.
    case over

    init(_ upload: UploadState?, _ file: FileState?) {
        switch (upload, file) {
        case (nil, nil): self = .none
        case (_, .available?), (_, .deleted?), (_, .quarantined?): self = .live
        case (_, .purging?): self = .purging
        case (_, .purged?): self = .over
        case (.reaped?, nil): self = .over
        case (.failed?, nil), (.aborted?, nil), (.expired?, nil): self = .doomed
        case (.pending?, nil), (.active?, nil), (.completing?, nil): self = .open
        case (.completed?, nil): self = .live
        }
    }
}
