import Glibc
import NIOCore

/// Finds the delimiter of a form in bytes that come in pieces, without copying them.
///
/// A delimiter starts with CR and holds no other CR, so a started match that fails can begin again only after itself.
struct DelimiterSearch {
    private let delimiter: [UInt8]
    /// How many bytes of the delimiter the last piece ended with.
    private(set) var matchedCount: Int

    enum Finding: Equatable {
        /// Bytes that belong to the content, then the delimiter, which is consumed.
        case found(content: [ByteBuffer])
        /// Content only; the piece is used up, except for a started match that is remembered.
        case exhausted(content: [ByteBuffer])
    }

    /// Bytes of the present match that were not content: the line end before the first byte.
    private var virtualCount: Int

    /// Starts at the beginning of a line: its line end counts as the delimiter's, but is never content.
    init(atLineStartOf delimiter: [UInt8]) {
        self.delimiter = delimiter
        matchedCount = 2
        virtualCount = 2
    }

    mutating func next(in bytes: inout ByteBuffer) -> Finding {
        var content: [ByteBuffer] = []
        if matchedCount > 0 {
            switch resume(&bytes) {
            case .complete:
                (matchedCount, virtualCount) = (0, 0)
                return .found(content: [])
            case .needsMore: return .exhausted(content: [])
            case .failed(let started): if started.readableBytes > 0 { content.append(started) }
            }
        }
        let (offset, partial) = locate(bytes)
        if let offset {
            if offset > 0, let slice = bytes.readSlice(length: offset) { content.append(slice) }
            bytes.moveReaderIndex(forwardBy: delimiter.count)
            return .found(content: content)
        }
        let whole = bytes.readableBytes - partial
        if whole > 0, let slice = bytes.readSlice(length: whole) { content.append(slice) }
        bytes.moveReaderIndex(forwardBy: partial)
        matchedCount = partial
        return .exhausted(content: content)
    }

    private enum Resumption {
        case complete
        case needsMore
        case failed(ByteBuffer)
    }

    private mutating func resume(_ bytes: inout ByteBuffer) -> Resumption {
        let missing = delimiter[matchedCount...]
        let here = bytes.readableBytesView.prefix(missing.count)
        guard here.elementsEqual(missing.prefix(here.count)) else {
            defer { (matchedCount, virtualCount) = (0, 0) }
            // The only content bytes ever copied: at most a delimiter's length.
            return .failed(ByteBuffer(bytes: delimiter[virtualCount..<matchedCount]))
        }
        bytes.moveReaderIndex(forwardBy: here.count)
        guard here.count == missing.count else {
            matchedCount += here.count
            return .needsMore
        }
        return .complete
    }

    /// Where the delimiter starts, or how many bytes at the end may be its beginning.
    private func locate(_ bytes: ByteBuffer) -> (offset: Int?, partial: Int) {
        bytes.withUnsafeReadableBytes { unsafe in
            guard let start = unsafe.baseAddress else { return (nil, 0) }
            var offset = 0
            while let found = memchr(start + offset, 0x0D, unsafe.count - offset) {
                offset = UnsafeRawPointer(found) - start
                let length = min(delimiter.count, unsafe.count - offset)
                if memcmp(found, delimiter, length) == 0 {
                    return length == delimiter.count ? (offset, 0) : (nil, length)
                }
                offset += 1
            }
            return (nil, 0)
        }
    }
}
