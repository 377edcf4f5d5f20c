import Determinism
import EventContracts

import struct FoundationEssentials.UUID

extension TrashSaga {
    /// What a repair has ordered.
    struct Order: SagaOrder {
        enum Task: Codable, Sendable {
            /// To the trash, if it is still the object that was looked at.
            case quarantine(trashKey: String, size: Int64, etag: String)
            /// Back, if nothing lies there.
            case restore(trashKey: String, size: Int64)
            case abort(multipartID: String)
        }

        /// Not a file's id: made from the object's key.
        let fileID: UUID
        let version: Int64
        let tenant: String
        let owner: String
        let planID: UUID
        let objectKey: String
        let task: Task

        /// Nil for events that are no orders of a repair.
        init?(_ event: FileEvent) {
            switch event.detail {
            case .objectQuarantined(let object):
                let task = Task.quarantine(
                    trashKey: object.trashKey,
                    size: object.size,
                    etag: object.etag
                )
                self.init(event, object.planID, object.objectKey, task)
            case .objectUnquarantined(let object):
                let task = Task.restore(trashKey: object.trashKey, size: object.size)
                self.init(event, object.planID, object.objectKey, task)
            case .multipartLeaked(let upload):
                self.init(event, upload.planID, upload.objectKey, .abort(multipartID: upload.s3UploadID))
            case .stored, .restored, .deleted, .purging, .purged, .quarantined, .uploadDiscarded, .indexed,
                .rejected,
                .bytesRemoved, .removalStalled, .uploadBytesRemoved, .objectTrashed, .objectRestored,
                .objectKept, .multipartAborted:
                return nil
            }
        }

        private init(_ event: FileEvent, _ plan: UUID, _ key: String, _ task: Task) {
            fileID = event.fileID
            version = event.version
            tenant = event.tenant
            owner = event.owner
            planID = plan
            objectKey = key
            self.task = task
        }
    }

    /// What an order came to.
    enum Outcome: Equatable, Sendable {
        case trashed
        case restored
        case aborted
        /// Nothing was changed, and why.
        case kept(String)

        var word: String {
            switch self {
            case .trashed: "TRASHED"
            case .restored: "RESTORED"
            case .aborted: "ABORTED"
            case .kept: "KEPT"
            }
        }

        var reason: String? {
            if case .kept(let reason) = self { return reason }
            return nil
        }

        init?(_ word: String, _ reason: String?) {
            switch word {
            case "TRASHED": self = .trashed
            case "RESTORED": self = .restored
            case "ABORTED": self = .aborted
            case "KEPT": self = .kept(reason ?? "")
            default: return nil
            }
        }
    }
}

extension TrashSaga.Order {
    func answer(_ outcome: TrashSaga.Outcome, at instant: Timestamp) -> FileEvent {
        answer(detail(outcome), at: instant)
    }

    private func detail(_ outcome: TrashSaga.Outcome) -> FileEvent.Detail {
        switch (outcome, task) {
        case (.trashed, .quarantine(let trashKey, let size, _)):
            return .objectTrashed(
                TrashedObject(planID: planID, objectKey: objectKey, trashKey: trashKey, size: size)
            )
        case (.restored, .restore(_, let size)):
            return .objectRestored(RestoredObject(planID: planID, objectKey: objectKey, size: size))
        case (.aborted, .abort(let id)):
            return .multipartAborted(LeakedMultipart(planID: planID, objectKey: objectKey, s3UploadID: id))
        case (.kept(let reason), _):
            return .objectKept(KeptObject(planID: planID, objectKey: objectKey, reason: reason))
        case (.trashed, _), (.restored, _), (.aborted, _):
            return .objectKept(
                KeptObject(
                    planID: planID,
                    objectKey: objectKey,
                    reason: "the order's outcome is not one of it"
                )
            )
        }
    }
}
