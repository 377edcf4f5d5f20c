import Determinism
import ServiceBootstrap

import struct FoundationEssentials.UUID

/// Something that was told or acknowledged, and that the restored database does not know, or knows older.
struct Loss: Equatable, Sendable {
    enum Kind: String, CaseIterable, Sendable {
        /// The index has a file that has no row.
        case unknownFile = "unknown_file"
        /// The index has a newer version of a file than its row.
        case olderRow = "older_row"
        /// The bucket has an object that has no row.
        case unknownObject = "unknown_object"
    }

    /// What would mend it. Nothing is done by itself.
    enum Proposal: String, Sendable {
        /// Make the row anew from what the object says of itself.
        case adopt
        /// Its parts are one object already, and whoever completes the session again finds it.
        case complete
        /// Take the file out of the trash.
        case restore
        /// It had been deleted: delete it again.
        case delete
        /// An operator decides.
        case look
    }

    let kind: Kind
    var fileID: UUID?
    var uploadID: UUID?
    var objectKey: String?
    /// Bytes.
    var size: Int64?
    /// As the index has it.
    var version: Int64?
    var indexState: String?
    var rowVersion: Int64?
    /// Of the file, or of its upload where there is no file.
    var rowState: String?
    var proposal: Proposal = .look
}

extension Loss {
    /// A file of the index that has no row, or one that is older.
    ///
    /// - Returns: nil when nothing is lost.
    init?(_ entry: IndexEntry, _ file: LossStore.FileRow?, _ upload: LossStore.UploadRow?) {
        if let file {
            guard entry.version > file.version else { return nil }
            self.init(kind: .olderRow, rowVersion: file.version, rowState: file.state)
            proposal = Self.proposal(entry.state, FileState(rawValue: file.state))
        } else {
            // Deleted, or gone, before anybody missed it.
            guard entry.state == .live || entry.state == .quarantined else { return nil }
            self.init(kind: .unknownFile, rowState: upload?.state)
            let state = upload.flatMap { UploadState(rawValue: $0.state) }
            proposal = state == .completing ? .complete : .adopt
        }
        fileID = entry.fileID
        uploadID = upload?.id
        objectKey = upload?.objectKey
        version = entry.version
        indexState = entry.state.rawValue
    }

    private static func proposal(_ index: IndexEntry.State, _ row: FileState?) -> Proposal {
        switch (index, row) {
        case (.live, .deleted): .restore
        case (.deleted, .available), (.purged, .available), (.purged, .deleted): .delete
        default: .look
        }
    }

    func append(to json: inout [UInt8]) {
        json += "{\"kind\":\"\(kind.rawValue)\",\"proposal\":\"\(proposal.rawValue)\"".utf8
        let texts = [
            ("file_id", fileID?.text), ("upload_id", uploadID?.text), ("object_key", objectKey),
            ("index_state", indexState), ("row_state", rowState),
        ]
        for case (let name, let value?) in texts {
            json += ",\"\(name)\":".utf8
            JSONText.append(value, to: &json)
        }
        for case (let name, let value?) in [
            ("size", size), ("version", version), ("row_version", rowVersion),
        ] {
            json += ",\"\(name)\":\(value)".utf8
        }
        json.append(UInt8(ascii: "}"))
    }
}
