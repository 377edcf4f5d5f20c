import Determinism
import Synchronization

extension Bucket {
    func uploadFolder(_ id: String) -> String { "\(folder)/uploads/\(id)" }

    func partPath(_ id: String, _ number: Int) -> String { "\(uploadFolder(id))/\(partName(number))" }

    /// Makes the upload durable, then known.
    func begin(_ record: UploadRecord) throws(S3Error) {
        do throws(FileError) {
            try Files.makeFolder(uploadFolder(record.id))
        } catch { throw error.answer }
        try place.replaceFile("\(uploadFolder(record.id))/upload.record", with: record)
        try state.withLock { (state) throws(S3Error) in
            if state.isDeleted { throw .noSuchBucket }
            state.uploads[record.id] = OpenUpload(record: record, key: ObjectKey(record.key))
        }
    }

    func upload(_ id: String, _ key: ObjectKey) throws(S3Error) -> OpenUpload {
        let (upload, isDeleted) = state.withLock { ($0.uploads[id], $0.isDeleted) }
        if isDeleted { throw .noSuchBucket }
        guard let upload, upload.key == key else { throw .noSuchUpload }
        return upload
    }

    /// Puts a finished part in its place. A part of the same number is replaced: the last one wins.
    func publishPart(
        _ part: PartRecord,
        of id: String,
        _ key: ObjectKey,
        file temporary: String
    ) throws(S3Error) {
        try state.withLock { (state) throws(S3Error) in
            guard let upload = state.uploads[id], upload.key == key else { throw .noSuchUpload }
            do throws(FileError) { try Files.rename(temporary, to: partPath(id, part.number)) } catch {
                throw error.answer
            }
            state.uploads[id]?.parts[part.number] = part
        }
    }

    func abort(_ id: String, _ key: ObjectKey) throws(S3Error) {
        try state.withLock { (state) throws(S3Error) in
            guard let upload = state.uploads[id], upload.key == key else { throw .noSuchUpload }
            // Without this file the folder is rubbish to the next start, so the abort holds from here on.
            do throws(FileError) { try Files.remove("\(uploadFolder(id))/upload.record") } catch {
                throw error.answer
            }
            state.uploads[id] = nil
        }
        partFolders.remove(id)
    }

    /// Turns an upload into an object without moving a byte: the object's record refers to the part files.
    ///
    /// - Parameter record: stamped, with the parts that were checked; refused when one was replaced since.
    func complete(
        _ record: ObjectRecord,
        upload id: String,
        if condition: WriteCondition
    ) throws(S3Error) {
        let key = ObjectKey(record.key)
        let temporary = place.temporaryPath()
        do throws(FileError) { try RecordFile.write(record, to: temporary) } catch { throw error.answer }
        let outcome = state.withLock { state -> Result<(Replaced?, OpenUpload), S3Error> in
            do throws(S3Error) {
                guard let upload = state.uploads[id], upload.key == key else { throw .noSuchUpload }
                for part in record.parts where upload.parts[part.number]?.etag != part.etag {
                    throw .invalidPart
                }
                let replaced = try move(record, key, from: temporary, condition, &state)
                state.uploads[id] = nil
                return .success((replaced, upload))
            } catch { return .failure(error) }
        }
        do throws(S3Error) {
            let (replaced, upload) = try outcome.get()
            removeLeftovers(of: upload, keeping: record.parts)
            clean(after: replaced)
        } catch {
            try? Files.remove(temporary)
            throw error
        }
    }

    private func removeLeftovers(of upload: OpenUpload, keeping kept: [PartRecord]) {
        // A leftover does no harm; the next start removes what could not be removed now.
        try? Files.remove("\(uploadFolder(upload.record.id))/upload.record")
        let numbers = Set(kept.map(\.number))
        for number in upload.parts.keys where !numbers.contains(number) {
            try? Files.remove(partPath(upload.record.id, number))
        }
    }
}

/// `part-00042`.
func partName(_ number: Int) -> String {
    let digits = String(number)
    return "part-" + String(repeating: "0", count: max(0, 5 - digits.utf8.count)) + digits
}
