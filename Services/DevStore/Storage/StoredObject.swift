import NIOCore
import Synchronization

/// A version opened for reading: its record, and its bytes from one file or from part files.
struct StoredObject: Sendable {
    enum Content: Sendable {
        case file(File)
        case parts(PartLease, [PartRecord])
    }

    static let pieceByteLimit = 512 << 10

    let record: ObjectRecord
    let content: Content

    /// The bytes of `range` in pieces of at most `pieceByteLimit`, each read when asked for.
    func pieces(_ range: Range<Int64>) -> ObjectPieces { ObjectPieces(object: self, range: range) }

    /// A file with the same bytes and another record.
    func writeCopy(with record: ObjectRecord, to path: String) throws(FileError) {
        let trailer = try RecordFile.trailer(for: record)
        let file = try File(creating: path)
        if case .file = content {
            var pieces = pieces(0..<record.size)
            while let piece = try pieces.next() { try file.write(piece) }
        }
        try file.write(trailer)
    }
}

/// Reads an object from its first to its last wanted byte, opening part files one after the other.
struct ObjectPieces: Sendable {
    private let object: StoredObject
    private var position: Int64
    private let end: Int64
    private var part: (number: Int, file: File)?

    init(object: StoredObject, range: Range<Int64>) {
        self.object = object
        position = range.lowerBound
        end = range.upperBound
    }

    /// Nil at the end.
    mutating func next() throws(FileError) -> ByteBuffer? {
        guard position < end else { return nil }
        let (file, offset, left) = try source()
        let wanted = Int(min(Int64(StoredObject.pieceByteLimit), min(left, end - position)))
        var buffer = ByteBufferAllocator().buffer(capacity: wanted)
        let result = buffer.withUnsafeMutableWritableBytes { space in
            let target = UnsafeMutableRawBufferPointer(rebasing: space.prefix(wanted))
            return Result { () throws(FileError) in try file.read(into: target, at: offset) }
        }
        let got = try result.get()
        buffer.moveWriterIndex(forwardBy: got)
        guard got == wanted else { throw FileError(call: "pread: file too short", code: 0) }
        position += Int64(got)
        return buffer
    }

    /// The file that holds `position`, where in it, and how much of it is left.
    private mutating func source() throws(FileError) -> (File, Int64, Int64) {
        switch object.content {
        case .file(let file): return (file, position, object.record.size - position)
        case .parts(let lease, let parts):
            var start: Int64 = 0
            for record in parts {
                if position < start + record.size {
                    let file = try open(record.number, lease)
                    return (file, position - start, start + record.size - position)
                }
                start += record.size
            }
            throw FileError(call: "pread: parts too short", code: 0)
        }
    }

    private mutating func open(_ number: Int, _ lease: PartLease) throws(FileError) -> File {
        if let part, part.number == number { return part.file }
        let file = try File(reading: "\(lease.folder)/\(partName(number))")
        part = (number, file)
        return file
    }
}
