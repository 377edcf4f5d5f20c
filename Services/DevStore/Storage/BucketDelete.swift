import Synchronization

/// What a delete did, as the answer's headers say it.
struct Deletion: Sendable {
    var versionID: String?
    var isDeleteMarker = false
}

extension Bucket {
    /// Deletes a key or one version of it. Deleting what is not there succeeds, as S3 has it.
    ///
    /// With versioning on, a delete that names no version removes nothing: it adds a delete marker.
    func delete(_ key: ObjectKey, versionID: String?, bypassingGovernance: Bool) throws(S3Error) -> Deletion {
        if let versionID {
            return try deleteVersion(key, versionID, bypassingGovernance: bypassingGovernance)
        }
        switch settings.versioning {
        case .off: return try deleteVersion(key, "null", bypassingGovernance: bypassingGovernance).unnamed
        case .enabled, .suspended: return try addMarker(key)
        }
    }

    private func addMarker(_ key: ObjectKey) throws(S3Error) -> Deletion {
        var marker = ObjectRecord(
            key: key.text,
            sequence: 0,
            isNull: false,
            isDeleteMarker: true,
            etag: ETag(md5: []),
            size: 0,
            modifiedMilliseconds: 0
        )
        stamp(&marker)
        let temporary = place.temporaryPath()
        do throws(FileError) { try RecordFile.write(marker, to: temporary) } catch { throw error.answer }
        try publish(marker, file: temporary)
        return Deletion(versionID: marker.version.id, isDeleteMarker: true)
    }

    private func deleteVersion(
        _ key: ObjectKey,
        _ versionID: String,
        bypassingGovernance: Bool
    ) throws(S3Error) -> Deletion {
        if settings.hasObjectLock {
            try checkLock(key, versionID, bypassingGovernance: bypassingGovernance)
        }
        var deletion = Deletion(versionID: versionID)
        let replaced = try state.withLock { (state) throws(S3Error) -> Replaced? in
            if state.isDeleted { throw .noSuchBucket }
            guard let entry = state.index[key], let version = Bucket.find(entry, versionID) else {
                return nil
            }
            deletion.isDeleteMarker = version.isDeleteMarker
            let replaced = hold(key, version)
            do throws(FileError) { try Files.remove(path(of: key, version)) } catch { throw error.answer }
            if let rest = entry.withVersions(entry.versions.filter { $0.id != versionID }) {
                state.index.set(rest)
            } else {
                state.index.remove(key)
            }
            return replaced
        }
        clean(after: replaced)
        return deletion
    }

    private func checkLock(
        _ key: ObjectKey,
        _ versionID: String,
        bypassingGovernance: Bool
    ) throws(S3Error) {
        let record: ObjectRecord
        do throws(S3Error) { record = try open(key, versionID: versionID).record } catch {
            return  // A marker or nothing: neither can be locked.
        }
        if record.hasLegalHold { throw .accessDenied("The version is under a legal hold.") }
        guard let retention = record.retention, retention.untilMilliseconds > place.nowMilliseconds else {
            return
        }
        guard retention.mode == .governance, bypassingGovernance else {
            throw .accessDenied("The version is locked until its retention ends.")
        }
    }
}

extension Deletion {
    /// A bucket without versions names none in its answers.
    fileprivate var unnamed: Deletion { Deletion(versionID: nil, isDeleteMarker: false) }
}
