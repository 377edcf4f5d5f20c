import Determinism
import EventContracts

import struct FoundationEssentials.UUID

extension RemovalSaga {
    /// Whose bytes must go, and which event said so.
    struct Order: SagaOrder {
        let fileID: UUID
        /// The version of the event that is answered.
        let version: Int64
        let tenant: String
        let owner: String
        let objectKey: String
        let multipartID: String?
        /// Set when an upload was discarded; nil when a file is purged.
        let uploadID: UUID?

        /// Whether a file is purged, or else an upload was discarded.
        var isPurge: Bool { uploadID == nil }

        init(_ event: FileEvent, _ file: PurgingFile) {
            self.init(event, objectKey: file.objectKey, multipartID: file.s3UploadID, uploadID: nil)
        }

        init(_ event: FileEvent, _ upload: DiscardedUpload) {
            self.init(
                event,
                objectKey: upload.objectKey,
                multipartID: upload.s3UploadID,
                uploadID: upload.uploadID
            )
        }

        private init(_ event: FileEvent, objectKey: String, multipartID: String?, uploadID: UUID?) {
            fileID = event.fileID
            version = event.version
            tenant = event.tenant
            owner = event.owner
            self.objectKey = objectKey
            self.multipartID = multipartID
            self.uploadID = uploadID
        }

        func removed(_ versionCount: Int64, at instant: Timestamp) -> FileEvent {
            guard let uploadID else {
                return answer(
                    .bytesRemoved(RemovedBytes(objectKey: objectKey, versionsRemoved: versionCount)),
                    at: instant
                )
            }
            return answer(
                .uploadBytesRemoved(RemovedUpload(uploadID: uploadID, objectKey: objectKey)),
                at: instant
            )
        }

        func stalled(_ reason: String, _ attemptCount: Int, at instant: Timestamp) -> FileEvent {
            answer(
                .removalStalled(
                    StalledRemoval(
                        objectKey: objectKey,
                        reason: shortened(reason),
                        attempts: Int64(attemptCount)
                    )
                ),
                at: instant
            )
        }
    }
}

/// A store's message may be of any length and hold anything; the event's field may not.
private func shortened(_ reason: String) -> String {
    var text = ""
    for scalar in reason.unicodeScalars where scalar != "\0" {
        guard text.utf8.count + 4 <= EventLimits.reasonBytes else { break }
        text.unicodeScalars.append(scalar)
    }
    return text
}
