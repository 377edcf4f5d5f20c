import Synchronization

/// What must be true of the key for a write to be done. Source: Amazon S3 User Guide, "Conditional writes".
struct WriteCondition: Sendable {
    /// `If-None-Match: *`: nothing is there.
    var mustBeAbsent = false
    /// `If-Match`: what is there has one of these ETags; `*` for any.
    var etags: [String] = []

    func check(_ current: Version?) throws(S3Error) {
        let present = current.flatMap { $0.isDeleteMarker ? nil : $0 }
        if mustBeAbsent, present != nil { throw .preconditionFailed }
        guard !etags.isEmpty else { return }
        guard let present else { throw .noSuchKey }
        guard etags.contains(present.etag.text) || etags.contains("*") else { throw .preconditionFailed }
    }
}

extension Bucket {
    /// Refuses early what `publish` would refuse at the end, before a body is read.
    func check(_ condition: WriteCondition, for key: ObjectKey) throws(S3Error) {
        let (current, isDeleted) = state.withLock { ($0.index[key]?.latest, $0.isDeleted) }
        if isDeleted { throw .noSuchBucket }
        try condition.check(current)
    }

    /// Gives a record its place in the order of versions.
    func stamp(_ record: inout ObjectRecord) {
        record.sequence = nextSequence()
        record.isNull = settings.versioning != .enabled
        record.modifiedMilliseconds = place.nowMilliseconds
    }

    /// Makes a finished file the newest version of its key: one rename, then the index.
    func publish(
        _ record: ObjectRecord,
        file temporary: String,
        if condition: WriteCondition = WriteCondition()
    ) throws(S3Error) {
        let key = ObjectKey(record.key)
        let replaced = try state.withLock { (state) throws(S3Error) -> Replaced? in
            try move(record, key, from: temporary, condition, &state)
        }
        clean(after: replaced)
    }

    /// The locked part of `publish`.
    func move(
        _ record: ObjectRecord,
        _ key: ObjectKey,
        from temporary: String,
        _ condition: WriteCondition,
        _ state: inout State
    ) throws(S3Error) -> Replaced? {
        if state.isDeleted { throw .noSuchBucket }
        let entry = state.index[key]
        try condition.check(entry?.latest)
        let replaced = record.isNull ? entry?.versions.first(where: \.isNull).map { hold(key, $0) } : nil
        let target = path(of: key, sequence: record.sequence, isNull: record.isNull)
        do throws(FileError) { try renameMakingFolder(temporary, to: target) } catch { throw error.answer }
        let kept = (entry?.versions ?? []).filter { !(record.isNull && $0.isNull) }
        let fresh = IndexEntry(key: key, latest: record.version)
        state.index.set(fresh.withVersions(kept + [record.version]) ?? fresh)
        return replaced
    }

    /// A file about to lose its name. It is held open so that its blocks are freed after the lock.
    struct Replaced {
        var file: File?
        var upload: String?
    }

    func hold(_ key: ObjectKey, _ version: Version) -> Replaced {
        let isLarge = version.size > 1 << 20
        guard isLarge || version.etag.partCount > 0, let file = try? File(reading: path(of: key, version))
        else { return Replaced() }
        let upload =
            version.etag.partCount > 0 ? try? RecordFile.read(ObjectRecord.self, from: file).upload : nil
        return Replaced(file: file, upload: upload)
    }

    func clean(after replaced: Replaced?) {
        if let upload = replaced?.upload { partFolders.remove(upload) }
    }

    private func renameMakingFolder(_ source: String, to target: String) throws(FileError) {
        do throws(FileError) { try Files.rename(source, to: target) } catch {
            guard error.isMissing, let slash = target.lastIndex(of: "/") else { throw error }
            try Files.makeFolder(String(target[..<slash]))
            try Files.rename(source, to: target)
        }
    }

    /// Changes what is said about a version, not its bytes (tags, retention, legal hold).
    func amend(
        _ key: ObjectKey,
        versionID: String?,
        _ change: (inout ObjectRecord) throws(S3Error) -> Void
    ) throws(S3Error) -> ObjectRecord {
        let stored = try open(key, versionID: versionID)
        var record = stored.record
        try change(&record)
        let temporary = place.temporaryPath()
        do throws(FileError) {
            try stored.writeCopy(with: record, to: temporary)
        } catch {
            try? Files.remove(temporary)
            throw error.answer
        }
        let outcome = state.withLock { state -> Result<Void, S3Error> in
            guard let version = Bucket.find(state.index[key], record.version.id),
                version.sequence == record.sequence
            else { return .failure(.noSuchKey) }
            do throws(FileError) {
                try Files.rename(temporary, to: path(of: key, version))
                return .success(())
            } catch { return .failure(error.answer) }
        }
        if case .failure(let error) = outcome {
            try? Files.remove(temporary)
            throw error
        }
        return record
    }
}
