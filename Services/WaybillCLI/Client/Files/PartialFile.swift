import Glibc
import NIOCore

/// What has come of a file so far, on disk. Locked against other processes while it lives. Every method may wait for
/// the disk.
final class PartialFile: Sendable {
    let path: String
    private let descriptor: Int32

    /// Beside the target, and named after the file's id: the bytes under one id never change, so what lies there is the
    /// beginning of that file and of no other.
    init(of id: String, target: String) throws(ClientFailure) {
        path = "\(target).\(id).part"
        descriptor = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0o666)
        guard descriptor >= 0 else { throw .local("\(path) cannot be opened: \(lastError()).") }
        guard flock(descriptor, LOCK_EX | LOCK_NB) == 0 else {
            close(descriptor)
            throw .inUse("Another waybill is fetching \(target).")
        }
    }

    deinit { close(descriptor) }

    func byteCount() throws(ClientFailure) -> Int64 {
        var status = stat()
        guard fstat(descriptor, &status) == 0 else {
            throw .local("\(path) cannot be looked at: \(lastError()).")
        }
        return Int64(status.st_size)
    }

    func truncate(to byteCount: Int64) throws(ClientFailure) {
        guard ftruncate(descriptor, off_t(byteCount)) == 0 else {
            throw .local("\(path) cannot be shortened: \(lastError()).")
        }
    }

    func write(_ bytes: ByteBuffer, at offset: Int64) throws(ClientFailure) {
        guard lseek(descriptor, off_t(offset), SEEK_SET) == off_t(offset) else {
            throw .local("\(path) cannot be written: \(lastError()).")
        }
        try DurableFile.writeAll(Array(bytes.readableBytesView)[...], to: descriptor, path)
    }

    func remove() { unlink(path) }
}
