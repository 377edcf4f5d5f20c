import Glibc

/// Files that are there whole, or not at all, whenever the machine stops.
enum DurableFile {
    /// Replaces the file at `path`, readable by this user only. The caller keeps others from doing so at the same time.
    static func write(_ bytes: [UInt8], to path: String) throws(ClientFailure) {
        let draft = path + ".new"
        let descriptor = open(draft, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0o600)
        guard descriptor >= 0 else { throw .local("\(draft) cannot be opened: \(lastError()).") }
        defer { close(descriptor) }
        try writeAll(bytes[...], to: descriptor, draft)
        guard fsync(descriptor) == 0, rename(draft, path) == 0 else {
            throw .local("\(path) cannot be written: \(lastError()).")
        }
        try syncFolder(of: path)
    }

    /// Gives a finished file its name.
    ///
    /// - Throws: `.local`, also when something has that name and may not be replaced.
    static func publish(_ draft: String, as path: String, replacing: Bool) throws(ClientFailure) {
        let descriptor = open(draft, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { throw .local("\(draft) cannot be opened: \(lastError()).") }
        defer { close(descriptor) }
        guard fsync(descriptor) == 0 else { throw .local("\(draft) cannot be kept: \(lastError()).") }
        // A link never replaces anything, unlike a look before a rename.
        if !replacing, link(draft, path) == 0 {
            unlink(draft)
        } else {
            if !replacing {
                guard errno != EEXIST else { throw .local("\(path) exists. --force replaces it.") }
                // A file system without links: a look before has to do.
                guard access(path, F_OK) != 0 else { throw .local("\(path) exists. --force replaces it.") }
            }
            guard rename(draft, path) == 0 else { throw .local("\(path) cannot be written: \(lastError()).") }
        }
        try syncFolder(of: path)
    }

    /// Without this a new name may be gone after a crash.
    private static func syncFolder(of path: String) throws(ClientFailure) {
        let folder = path.split(separator: "/", omittingEmptySubsequences: false).dropLast()
            .joined(separator: "/")
        let name = folder.isEmpty ? (path.hasPrefix("/") ? "/" : ".") : folder
        let descriptor = open(name, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        guard descriptor >= 0 else { throw .local("\(name) cannot be opened: \(lastError()).") }
        defer { close(descriptor) }
        // Some file systems cannot, and say so with EINVAL.
        guard fsync(descriptor) == 0 || errno == EINVAL else {
            throw .local("\(name) cannot be kept: \(lastError()).")
        }
    }

    static func writeAll(_ bytes: ArraySlice<UInt8>, to descriptor: Int32, _ path: String)
        throws(ClientFailure)
    {
        var rest = bytes
        while !rest.isEmpty {
            let count = rest.withUnsafeBytes { Glibc.write(descriptor, $0.baseAddress, $0.count) }
            if count < 0, errno == EINTR { continue }
            guard count > 0 else { throw .local("\(path) cannot be written: \(lastError()).") }
            rest = rest.dropFirst(count)
        }
    }
}
