import Glibc
import NIOCore

/// A system call that failed.
struct FileError: Error, Sendable {
    let call: String
    let code: Int32

    var isMissing: Bool { code == ENOENT }

    /// A full disk is the caller's to know; anything else is ours.
    var answer: S3Error {
        code == ENOSPC || code == EDQUOT
            ? .insufficientStorage : .internalError("\(call): \(String(cString: strerror(code)))")
    }
}

/// Owns one file descriptor and closes it once. Its calls block: use it on `IOThreads` only.
final class File: Sendable {
    private let descriptor: Int32

    init(creating path: String) throws(FileError) {
        descriptor = try File.open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC)
    }

    init(reading path: String) throws(FileError) {
        descriptor = try File.open(path, O_RDONLY | O_CLOEXEC)
    }

    deinit { close(descriptor) }

    func size() throws(FileError) -> Int64 {
        var facts = stat()
        guard fstat(descriptor, &facts) == 0 else { throw FileError(call: "fstat", code: errno) }
        return Int64(facts.st_size)
    }

    /// Writes all of it at the current position.
    func write(_ bytes: UnsafeRawBufferPointer) throws(FileError) {
        var rest = bytes[...]
        while !rest.isEmpty {
            let wrote = Glibc.write(
                descriptor,
                UnsafeRawBufferPointer(rebasing: rest).baseAddress,
                rest.count
            )
            if wrote < 0 {
                if errno == EINTR { continue }
                throw FileError(call: "write", code: errno)
            }
            rest = rest.dropFirst(wrote)
        }
    }

    func write(_ bytes: [UInt8]) throws(FileError) {
        try bytes.withUnsafeBytes { bytes in Result { () throws(FileError) in try write(bytes) } }.get()
    }

    func write(_ bytes: ByteBuffer) throws(FileError) {
        try bytes.withUnsafeReadableBytes { bytes in Result { () throws(FileError) in try write(bytes) } }
            .get()
    }

    /// Fills as much of `buffer` as the file has from `offset` on; returns the number of bytes.
    func read(into buffer: UnsafeMutableRawBufferPointer, at offset: Int64) throws(FileError) -> Int {
        var filled = 0
        while filled < buffer.count {
            let start = buffer.baseAddress.map { $0 + filled }
            let got = pread(descriptor, start, buffer.count - filled, off_t(offset) + off_t(filled))
            if got < 0 {
                if errno == EINTR { continue }
                throw FileError(call: "pread", code: errno)
            }
            if got == 0 { break }
            filled += got
        }
        return filled
    }

    func read(_ count: Int, at offset: Int64) throws(FileError) -> [UInt8] {
        var bytes = [UInt8](repeating: 0, count: count)
        let got = try bytes.withUnsafeMutableBytes { buffer in
            Result { () throws(FileError) in try read(into: buffer, at: offset) }
        }.get()
        return Array(bytes.prefix(got))
    }

    private static func open(_ path: String, _ flags: Int32) throws(FileError) -> Int32 {
        while true {
            let opened = Glibc.open(path, flags, 0o600)
            if opened >= 0 { return opened }
            guard errno == EINTR else { throw FileError(call: "open", code: errno) }
        }
    }
}

/// Calls on paths. All block.
enum Files {
    static func makeFolder(_ path: String) throws(FileError) {
        guard mkdir(path, 0o700) == 0 || errno == EEXIST else { throw FileError(call: "mkdir", code: errno) }
    }

    /// Replaces what is at `target`, atomically.
    static func rename(_ source: String, to target: String) throws(FileError) {
        guard Glibc.rename(source, target) == 0 else { throw FileError(call: "rename", code: errno) }
    }

    /// A file that is not there is removed already.
    static func remove(_ path: String) throws(FileError) {
        guard unlink(path) == 0 || errno == ENOENT else { throw FileError(call: "unlink", code: errno) }
    }

    /// Removes a folder with everything in it, as far as possible; what stays is removed at the next start.
    static func removeTree(_ path: String) {
        for name in (try? names(in: path)) ?? [] {
            let child = "\(path)/\(name)"
            if unlink(child) != 0 { removeTree(child) }
        }
        rmdir(path)
    }

    /// Without `.` and `..`, in no order. Empty when the folder does not exist.
    static func names(in folder: String) throws(FileError) -> [String] {
        guard let stream = opendir(folder) else {
            if errno == ENOENT { return [] }
            throw FileError(call: "opendir", code: errno)
        }
        defer { closedir(stream) }
        var names: [String] = []
        while let entry = readdir(stream) {
            let name = withUnsafeBytes(of: &entry.pointee.d_name) { bytes in
                String(decoding: bytes.prefix { $0 != 0 }, as: UTF8.self)
            }
            if name != ".", name != ".." { names.append(name) }
        }
        return names
    }

    static func exists(_ path: String) -> Bool { access(path, F_OK) == 0 }
}
