import Synchronization

/// Keeps the part files of a completed upload until the last reader is done with them.
final class PartFolders: Sendable {
    private struct State {
        var readers: [String: Int] = [:]
        /// To be removed: now, or when the last reader has gone.
        var doomed: Set<String> = []
    }

    private let uploads: String
    private let state = Mutex(State())

    init(uploads: String) { self.uploads = uploads }

    /// Nil when the parts are gone or going.
    func lease(_ upload: String) -> PartLease? {
        let isGranted = state.withLock { state in
            guard !state.doomed.contains(upload) else { return false }
            state.readers[upload, default: 0] += 1
            return true
        }
        guard isGranted else { return nil }
        let lease = PartLease(folders: self, upload: upload, folder: "\(uploads)/\(upload)")
        return Files.exists(lease.folder) ? lease : nil
    }

    func remove(_ upload: String) {
        let isUnread = state.withLock { state in
            state.doomed.insert(upload)
            return state.readers[upload] == nil
        }
        if isUnread { removeNow(upload) }
    }

    fileprivate func release(_ upload: String) {
        let isLastOfDoomed = state.withLock { state in
            let left = (state.readers[upload] ?? 1) - 1
            state.readers[upload] = left > 0 ? left : nil
            return left <= 0 && state.doomed.contains(upload)
        }
        if isLastOfDoomed { removeNow(upload) }
    }

    private func removeNow(_ upload: String) {
        Files.removeTree("\(uploads)/\(upload)")
        _ = state.withLock { $0.doomed.remove(upload) }
    }
}

/// While it lives, the part files stay.
final class PartLease: Sendable {
    let folder: String
    private let folders: PartFolders
    private let upload: String

    init(folders: PartFolders, upload: String, folder: String) {
        self.folders = folders
        self.upload = upload
        self.folder = folder
    }

    deinit { folders.release(upload) }
}
