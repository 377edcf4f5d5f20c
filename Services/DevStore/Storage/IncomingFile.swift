import NIOCore

/// A file being received. Removed when it goes away without having been kept.
///
/// The first bytes wait in memory, so a small object and its record are one write.
struct IncomingFile: ~Copyable {
    private static let flushByteCount = 256 << 10

    let path: String
    private var file: File?
    private var pending = ByteBuffer()
    private var isKept = false

    init(_ place: StorePlace) { path = place.temporaryPath() }

    deinit {
        // Whatever is left is removed at the next start.
        if !isKept { try? Files.remove(path) }
    }

    mutating func append(_ bytes: ByteBuffer) throws(S3Error) {
        if pending.readableBytes == 0, bytes.readableBytes >= Self.flushByteCount {
            return try write(bytes)
        }
        pending.writeImmutableBuffer(bytes)
        if pending.readableBytes >= Self.flushByteCount { try flush() }
    }

    /// Writes the record behind the bytes and closes the file.
    mutating func seal(_ record: some Encodable) throws(S3Error) {
        do throws(FileError) { pending.writeBytes(try RecordFile.trailer(for: record)) } catch {
            throw error.answer
        }
        try flush()
        file = nil
    }

    /// Call it once the file has been renamed.
    mutating func keep() { isKept = true }

    private mutating func flush() throws(S3Error) {
        try write(pending)
        pending.clear()
    }

    private mutating func write(_ bytes: ByteBuffer) throws(S3Error) {
        do throws(FileError) {
            if file == nil { file = try File(creating: path) }
            try file?.write(bytes)
        } catch { throw error.answer }
    }
}
