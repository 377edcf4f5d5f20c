import FoundationEssentials
import SortedJSON

/// An upload that was begun, as it is remembered on this machine until it is completed.
struct JournalEntry: Codable, Equatable, Sendable {
    /// Of this form of an entry.
    static let version = 1

    let version: Int
    let server: String
    let path: String
    let name: String
    /// How the file was when the upload began.
    let file: SourceFile.Facts
    /// Chosen here, so that it is known before the server is.
    let uploadID: String
    let contentType: String?
    let partSize: Int64?
    let startedAt: String
    /// Of the whole file; nil until it was read to its end.
    var sha256: String?

    enum CodingKeys: String, CodingKey {
        case version, server, path, name, file, sha256
        case uploadID = "upload_id"
        case contentType = "content_type"
        case partSize = "part_size"
        case startedAt = "started_at"
    }

    /// Nil for what this program did not write: then it is as if nothing was remembered.
    init?(json: [UInt8]) {
        guard let entry = try? JSONDecoder().decode(JournalEntry.self, from: Data(json)),
            entry.version == Self.version, UUID(uuidString: entry.uploadID) != nil
        else { return nil }
        self = entry
    }

    init(
        server: String,
        source: SourceFile,
        name: String,
        uploadID: String,
        contentType: String?,
        partSize: Int64?,
        startedAt: String
    ) {
        version = Self.version
        self.server = server
        path = source.canonicalPath
        self.name = name
        file = source.facts
        self.uploadID = uploadID
        self.contentType = contentType
        self.partSize = partSize
        self.startedAt = startedAt
    }

    func json() throws(ClientFailure) -> [UInt8] {
        do { return try SortedJSON.bytes(of: self) } catch {
            throw .local("The upload cannot be written down: \(error)")
        }
    }
}
