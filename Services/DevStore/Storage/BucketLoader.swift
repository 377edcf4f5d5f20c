import FoundationEssentials
import Logging
import Synchronization

/// Rebuilds a bucket from its files at start, and removes what a crash left behind.
struct BucketLoader {
    let place: StorePlace
    let logger: Logger

    func load(_ name: String) throws(FileError) -> Bucket? {
        let folder = place.bucketFolder(name)
        guard let file = try? File(reading: "\(folder)/bucket.record") else {
            // The folder was made and the settings were not: the bucket was never acknowledged.
            Files.removeTree(folder)
            return nil
        }
        let settings = try RecordFile.read(BucketSettings.self, from: file)
        let found = try objects(in: folder)
        var state = Bucket.State(settings: settings)
        state.index = SortedIndex(sorted: found.entries)
        state.lastSequence = found.lastSequence
        state.uploads = try uploads(in: "\(folder)/uploads", usedByObjects: found.uploads)
        return Bucket(name: name, place: place, state: state)
    }

    private struct Found {
        var entries: [IndexEntry] = []
        var uploads: Set<String> = []
        var lastSequence: UInt64 = 0
    }

    private func objects(in folder: String) throws(FileError) -> Found {
        var found = Found()
        var versions: [(key: ObjectKey, version: Version)] = []
        for group in try Files.names(in: "\(folder)/objects") {
            for name in try Files.names(in: "\(folder)/objects/\(group)") {
                guard let record = read(ObjectRecord.self, "\(folder)/objects/\(group)/\(name)") else {
                    continue
                }
                versions.append((ObjectKey(record.key), record.version))
                found.lastSequence = max(found.lastSequence, record.sequence)
                if let upload = record.upload { found.uploads.insert(upload) }
            }
        }
        versions.sort { $0.key == $1.key ? $0.version.sequence > $1.version.sequence : $0.key < $1.key }
        for (key, version) in versions {
            if let last = found.entries.last, last.key == key {
                found.entries[found.entries.count - 1].older.append(version)
            } else {
                found.entries.append(IndexEntry(key: key, latest: version))
            }
        }
        return found
    }

    private func uploads(
        in folder: String,
        usedByObjects used: Set<String>
    ) throws(FileError) -> [String: Bucket.OpenUpload] {
        var uploads: [String: Bucket.OpenUpload] = [:]
        for id in try Files.names(in: folder) {
            let description = "\(folder)/\(id)/upload.record"
            if used.contains(id) {
                try Files.remove(description)
            } else if let record = read(UploadRecord.self, description) {
                var upload = Bucket.OpenUpload(record: record, key: ObjectKey(record.key))
                for name in try Files.names(in: "\(folder)/\(id)") where name.hasPrefix("part-") {
                    guard let part = read(PartRecord.self, "\(folder)/\(id)/\(name)") else { continue }
                    upload.parts[part.number] = part
                }
                uploads[id] = upload
            } else {
                Files.removeTree("\(folder)/\(id)")
            }
        }
        return uploads
    }

    private func read<Record: Decodable>(_ type: Record.Type, _ path: String) -> Record? {
        do throws(FileError) {
            return try RecordFile.read(type, from: File(reading: path))
        } catch {
            if !error.isMissing { logger.warning("\(path) is not readable and is left out: \(error)") }
            return nil
        }
    }
}
