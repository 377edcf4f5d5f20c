import Digests

/// What became of one file; the names of JSON output are kept stable.
struct StoredUpload: Encodable, Equatable, Sendable {
    let path: String
    let name: String
    let fileID: String
    let uploadID: String
    let size: Int64
    /// Of the file on this machine; nil when an earlier run had sent it all and died before it noted it.
    let sha256: String?
    /// Whether an earlier run had begun it.
    let continued: Bool

    enum CodingKeys: String, CodingKey {
        case path, name, size, sha256, continued
        case fileID = "file_id"
        case uploadID = "upload_id"
    }

    init(_ source: SourceFile, _ session: SessionFacts, sha256: Digest256?, isContinued: Bool) {
        path = source.path
        name = session.name
        fileID = session.fileID
        uploadID = session.uploadID
        size = session.size
        self.sha256 = sha256?.hex
        continued = isContinued
    }

    var text: String { plain("\(fileID) \(name)") }
}

/// One file that is not stored, as `--json` shows it.
struct FailedUpload: Encodable, Sendable {
    let path: String
    let error: String
    let errorCode: String?
    let exitCode: Int32

    enum CodingKeys: String, CodingKey {
        case path, error
        case errorCode = "error_code"
        case exitCode = "exit_code"
    }

    init(_ path: String, _ failure: ClientFailure) {
        self.path = path
        error = failure.sentence
        exitCode = failure.exitCode.rawValue
        if case .refused(let refusal) = failure { errorCode = refusal.code } else { errorCode = nil }
    }
}
