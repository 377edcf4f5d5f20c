import FoundationEssentials
import Glibc
import NIOCore

/// A regular file on this machine, open for reading. Every method may wait for the disk: call them through `blocking`.
final class SourceFile: Sendable {
    /// What tells one state of a file from another without reading it.
    struct Facts: Codable, Equatable, Sendable {
        /// Bytes.
        let size: Int64
        let modifiedSeconds: Int64
        let modifiedNanoseconds: Int64
        let inode: UInt64

        enum CodingKeys: String, CodingKey {
            case size, inode
            case modifiedSeconds = "modified_seconds"
            case modifiedNanoseconds = "modified_nanoseconds"
        }
    }

    /// As the user wrote it.
    let path: String
    /// Absolute, links resolved: the same file from wherever the command is run.
    let canonicalPath: String
    /// As they were when the file was opened.
    let facts: Facts
    private let descriptor: Int32

    /// - Throws: `.local`, also for what is no regular file: a pipe cannot be read twice.
    init(opening path: String) throws(ClientFailure) {
        descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK)
        guard descriptor >= 0 else { throw .local("\(path) cannot be opened: \(lastError()).") }
        do throws(ClientFailure) {
            facts = try Self.facts(of: descriptor, path)
            try Self.requireSize(facts, descriptor, path)
            canonicalPath = try Self.canonical(path)
        } catch {
            close(descriptor)
            throw error
        }
        self.path = path
        _ = posix_fadvise(descriptor, 0, 0, POSIX_FADV_SEQUENTIAL)
    }

    deinit { close(descriptor) }

    /// The last part of the path.
    var name: String { canonicalPath.split(separator: "/").last.map(String.init) ?? "" }

    /// Whether the file is still as it was when it was opened.
    func isUnchanged() throws(ClientFailure) -> Bool { try Self.facts(of: descriptor, path) == facts }

    /// - Returns: exactly `count` bytes.
    /// - Throws: when the file has become shorter.
    func read(at offset: Int64, count: Int) throws(ClientFailure) -> ByteBuffer {
        var buffer = ByteBufferAllocator().buffer(capacity: count)
        while buffer.readableBytes < count {
            let rest = count - buffer.readableBytes
            let position = offset + Int64(buffer.readableBytes)
            var failure: Int32 = 0
            let byteCount = buffer.writeWithUnsafeMutableBytes(minimumWritableBytes: rest) { bytes in
                let byteCount = pread(descriptor, bytes.baseAddress, rest, off_t(position))
                if byteCount < 0 { failure = errno }
                return max(0, byteCount)
            }
            if failure == EINTR { continue }
            guard failure == 0 else {
                throw .local("\(path) cannot be read: \(String(cString: strerror(failure))).")
            }
            guard byteCount > 0 else { throw .local("\(path) became shorter while it was read.") }
        }
        return buffer
    }

    private static func facts(of descriptor: Int32, _ path: String) throws(ClientFailure) -> Facts {
        var status = stat()
        guard fstat(descriptor, &status) == 0 else {
            throw .local("\(path) cannot be looked at: \(lastError()).")
        }
        guard status.st_mode & S_IFMT == S_IFREG else {
            throw .local("\(path) is no regular file.")
        }
        return Facts(
            size: Int64(status.st_size),
            modifiedSeconds: Int64(status.st_mtim.tv_sec),
            modifiedNanoseconds: Int64(status.st_mtim.tv_nsec),
            inode: UInt64(status.st_ino)
        )
    }

    /// Files of /proc say that they have no bytes, and have some.
    private static func requireSize(_ facts: Facts, _ descriptor: Int32, _ path: String) throws(ClientFailure)
    {
        var byte: UInt8 = 0
        guard facts.size == 0, pread(descriptor, &byte, 1, 0) != 0 else { return }
        throw .local("\(path) has bytes, but does not say how many.")
    }

    private static func canonical(_ path: String) throws(ClientFailure) -> String {
        guard let resolved = realpath(path, nil) else {
            throw .local("\(path) cannot be found: \(lastError()).")
        }
        defer { free(resolved) }
        return String(cString: resolved)
    }
}

/// What `errno` says, in words.
func lastError() -> String { String(cString: strerror(errno)) }
