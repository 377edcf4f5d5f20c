import Determinism
import Digests

import struct FoundationEssentials.UUID

/// What is to be done about the findings of one check, or what the survey of safe mode proposes, as it is stored.
struct RepairPlan: Equatable, Sendable {
    enum State: String, CaseIterable, Sendable, Codable {
        case planned = "PLANNED"
        case running = "RUNNING"
        case done = "DONE"
        /// Something forbids going on; it may be run again.
        case stopped = "STOPPED"
        case undoing = "UNDOING"
        case undone = "UNDONE"
    }

    let id: UUID
    /// `survey` or `named` where there was no check.
    let checkID: UUID
    let scope: RepairScope
    let reason: String
    let createdBy: String
    let incarnation: String
    let state: State
    let stopReason: String?
    let itemCount: Int64
    /// Of the items, those that take something away.
    let harmCount: Int64
    /// Of those, in bytes.
    let byteCount: Int64
    /// Objects the check looked at.
    let checkedCount: Int64
    let hash: Digest256
    let startedBy: String?
    let isConfirmed: Bool
    let createdAt: Timestamp
    let finishedAt: Timestamp?

    /// Stands for the survey of safe mode, whose proposals take nothing away.
    static let survey = UUID(uuid: (0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0))
    /// Stands for an operator who named the files, which takes nothing away either.
    static let named = UUID(uuid: (0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1))
    var hasCheck: Bool { checkID != Self.survey && checkID != Self.named }

    /// Beyond these somebody has to confirm with the plan's hash.
    static let byteLimit: Int64 = 100 << 30
    var harmLimit: Int64 { max(100, checkedCount / 200) }
    var needsConfirmation: Bool { harmCount > harmLimit || byteCount > Self.byteLimit }
}

/// One thing to do, with what must still hold when it is done. These fields never change: the hash is over them.
struct RepairItem: Equatable, Sendable {
    let number: Int
    let findingID: Int64
    let kind: RepairKind
    let action: RepairAction
    let subject: String
    let tenant: String?
    let fileID: UUID?
    let uploadID: UUID?
    let objectKey: String?
    let multipartID: String?
    let rowVersion: Int64?
    let rowState: String?
    /// Bytes.
    let size: Int64?
    let etag: String?
}

/// A plan that is about to be stored, with its items.
struct NewRepairPlan: Sendable {
    let plan: RepairPlan
    let items: [RepairItem]
}

/// An item and what has become of it.
struct StoredRepairItem: Equatable, Sendable {
    enum State: String, CaseIterable, Sendable, Codable {
        case planned = "PLANNED"
        /// It may be done later: its object has not been seen for long enough.
        case waiting = "WAITING"
        /// The cleanup consumer has been told and has not answered.
        case ordered = "ORDERED"
        case done = "DONE"
        /// What it was planned for does not hold any more. Nothing was changed.
        case skipped = "SKIPPED"
        case failed = "FAILED"
        case undoing = "UNDOING"
        case undone = "UNDONE"
    }

    let planID: UUID
    let item: RepairItem
    let state: State
    let outcome: String?
    /// The version the action gave the file.
    let afterVersion: Int64?
    let shadow: String?
    let order: Order?

    /// What the cleanup consumer was told; the event is made of this alone.
    struct Order: Equatable, Sendable {
        let id: UUID
        let version: Int64
        let at: Timestamp
        let trashKey: String?
    }
}
