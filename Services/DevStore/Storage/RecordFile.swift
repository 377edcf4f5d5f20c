import FoundationEssentials
import Glibc

/// A file of bytes with a record behind them: `bytes | JSON | length of the JSON (8 bytes) | mark (8 bytes)`.
///
/// One file holds an object and all that is known about it, so one rename publishes both or neither.
enum RecordFile {
    private static let mark = Array("WBSTORE1".utf8)
    private static let footerLength = 16
    /// Read in one call; records are nearly always shorter.
    private static let guess: Int64 = 4096

    static func trailer(for record: some Encodable) throws(FileError) -> [UInt8] {
        guard let json = try? JSONEncoder().encode(record) else {
            throw FileError(call: "encode", code: EINVAL)
        }
        return Array(json) + withUnsafeBytes(of: UInt64(json.count).littleEndian) { Array($0) } + mark
    }

    /// Writes a file that has a record and no bytes.
    static func write(_ record: some Encodable, to path: String) throws(FileError) {
        let trailer = try trailer(for: record)
        try File(creating: path).write(trailer)
    }

    static func read<Record: Decodable>(_ type: Record.Type, from file: File) throws(FileError) -> Record {
        let size = try file.size()
        let end = try file.read(Int(min(guess, size)), at: max(0, size - guess))
        guard end.count >= footerLength, Array(end.suffix(8)) == mark else { throw damaged }
        let length = end.dropLast(8).suffix(8).reversed().reduce(UInt64(0)) { $0 << 8 | UInt64($1) }
        guard let count = Int(exactly: length), count <= size - Int64(footerLength) else { throw damaged }
        let json =
            count + footerLength <= end.count
            ? Array(end.dropLast(footerLength).suffix(count))
            : try file.read(count, at: size - Int64(footerLength) - Int64(count))
        guard let record = try? JSONDecoder().decode(type, from: Data(json)) else { throw damaged }
        return record
    }

    private static var damaged: FileError { FileError(call: "read record", code: EBADMSG) }
}
