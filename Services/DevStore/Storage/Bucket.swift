import Determinism
import Synchronization

/// One bucket: its index in memory, its files below `folder`. All calls may block; use them on `IOThreads`.
///
/// ```
/// bucket.record                        settings
/// objects/<aa>/<sha256 of key>       the null version of a key: a PUT replaces it by one rename
/// objects/<aa>/<sha256 of key>.<v>   version v of a key
/// uploads/<id>/upload.record           an open multipart upload; gone once it is completed
/// uploads/<id>/part-00001            its parts; they stay as the object's bytes after completion
/// ```
/// Index and files change together under one lock, so the order of renames is the order of the index.
/// A crash between a rename and the clean-up after it leaves files nothing refers to; the next start removes them.
final class Bucket: Sendable {
    struct State {
        var settings: BucketSettings
        var index = SortedIndex()
        var uploads: [String: OpenUpload] = [:]
        var lastSequence: UInt64 = 0
        var isDeleted = false
    }

    struct OpenUpload: Sendable {
        var record: UploadRecord
        var key: ObjectKey
        var parts: [Int: PartRecord] = [:]
    }

    let name: String
    let folder: String
    let place: StorePlace
    let state: Mutex<State>
    let partFolders: PartFolders

    init(name: String, place: StorePlace, state: sending State) {
        self.name = name
        self.place = place
        folder = place.bucketFolder(name)
        partFolders = PartFolders(uploads: "\(place.bucketFolder(name))/uploads")
        self.state = Mutex(state)
    }

    var settings: BucketSettings { state.withLock { $0.settings } }

    /// Higher than every number given before, also by earlier runs; near the wall clock in microseconds.
    func nextSequence() -> UInt64 {
        let now = UInt64(clamping: place.time.now.microsecondsSinceEpoch)
        return state.withLock { state in
            state.lastSequence = max(state.lastSequence &+ 1, now)
            return state.lastSequence
        }
    }

    /// Changes the settings on disk, then in memory.
    func changeSettings(_ change: (inout BucketSettings) throws(S3Error) -> Void) throws(S3Error) {
        try state.withLock { (state) throws(S3Error) in
            var settings = state.settings
            try change(&settings)
            try place.replaceFile("\(folder)/bucket.record", with: settings)
            state.settings = settings
        }
    }

    func path(of key: ObjectKey, _ version: Version) -> String {
        path(of: key, sequence: version.sequence, isNull: version.isNull)
    }

    func path(of key: ObjectKey, sequence: UInt64, isNull: Bool) -> String {
        let name = key.fileName
        return "\(folder)/objects/\(name.prefix(2))/\(name)\(isNull ? "" : "." + versionText(sequence))"
    }

    /// The version asked for, or the newest; nil when there is none.
    static func find(_ entry: IndexEntry?, _ versionID: String?) -> Version? {
        guard let entry else { return nil }
        guard let versionID else { return entry.latest }
        return entry.versions.first { $0.id == versionID }
    }

    /// Opens a version for reading. It stays readable while it is replaced or deleted.
    func open(_ key: ObjectKey, versionID: String?) throws(S3Error) -> StoredObject {
        // The file found may be replaced before it is opened; then the index has another by now.
        for _ in 0..<8 {
            let (entry, isDeleted) = state.withLock { ($0.index[key], $0.isDeleted) }
            if isDeleted { throw .noSuchBucket }
            guard let version = Bucket.find(entry, versionID) else {
                throw versionID == nil || entry == nil ? .noSuchKey : .noSuchVersion
            }
            if version.isDeleteMarker { throw markerAnswer(version, wasNamed: versionID != nil) }
            if let opened = try openFile(key, version) { return opened }
        }
        throw .internalError("The object changed faster than it could be opened.")
    }

    private func openFile(_ key: ObjectKey, _ version: Version) throws(S3Error) -> StoredObject? {
        do throws(FileError) {
            let file = try File(reading: path(of: key, version))
            let record = try RecordFile.read(ObjectRecord.self, from: file)
            guard let upload = record.upload else {
                return StoredObject(record: record, content: .file(file))
            }
            guard let lease = partFolders.lease(upload) else { return nil }
            return StoredObject(record: record, content: .parts(lease, record.parts))
        } catch {
            if error.isMissing { return nil }
            throw error.answer
        }
    }

    private func markerAnswer(_ version: Version, wasNamed: Bool) -> S3Error {
        let answer: S3Error = wasNamed ? .methodNotAllowed : .noSuchKey
        return answer.with(.amzDeleteMarker, "true").with(.amzVersionID, version.id)
    }
}

/// What a bucket is told to do, kept in `bucket.record`.
struct BucketSettings: Codable, Sendable {
    enum Versioning: String, Codable { case off, enabled = "Enabled", suspended = "Suspended" }

    var createdMilliseconds: Int64
    var versioning = Versioning.off
    var hasObjectLock = false
    var cors: [CORSRule] = []
    var lifecycle: [LifecycleRule] = []
    var policy: String?
}

/// Where a store keeps its files, and the clock it dates them with.
struct StorePlace: Sendable {
    let root: String
    let time: any TimeSource
    let temporaryNames = TemporaryNames()

    func bucketFolder(_ name: String) -> String { "\(root)/buckets/\(name)" }
    var nowMilliseconds: Int64 { time.now.millisecondsSinceEpoch }

    /// A name nobody else uses. The folder is emptied at every start.
    func temporaryPath() -> String { "\(root)/incoming/\(temporaryNames.next())" }

    func replaceFile(_ path: String, with record: some Encodable) throws(S3Error) {
        do throws(FileError) {
            let temporary = temporaryPath()
            try RecordFile.write(record, to: temporary)
            try Files.rename(temporary, to: path)
        } catch { throw error.answer }
    }
}

final class TemporaryNames: Sendable {
    private let count = Atomic<UInt64>(0)
    func next() -> UInt64 { count.add(1, ordering: .relaxed).newValue }
}
