import NIOCore

/// Collects the header lines of one part up to the empty line.
struct PartHeaderLines {
    private(set) var lines: [[UInt8]] = []
    private var current: [UInt8] = []
    private var byteCount = 0

    /// - Returns: true when the empty line was read. Bytes after it stay in `input`.
    mutating func read(_ input: inout ByteBuffer, byteLimit: Int) throws(MultipartFailure) -> Bool {
        while let byte = input.readInteger(as: UInt8.self) {
            byteCount += 1
            guard byteCount <= byteLimit else { throw .headerTooLarge(byteLimit: byteLimit) }
            guard byte == 0x0A else {
                current.append(byte)
                continue
            }
            guard current.popLast() == 0x0D else {
                throw .malformedHeader("a header line of a part ends without CR LF")
            }
            if current.isEmpty { return true }
            guard let first = current.first, first != 0x20, first != 0x09 else {
                throw .malformedHeader("a header line of a part is folded")
            }
            lines.append(current)
            current = []
        }
        return false
    }
}
