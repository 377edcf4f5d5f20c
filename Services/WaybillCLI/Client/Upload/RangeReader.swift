import Digests
import NIOCore
import Synchronization

/// The bytes of one range of a file, read as fast as they are taken: one piece in memory at a time.
struct RangeReader: AsyncSequence, Sendable {
    static let pieceSize: Int64 = 256 << 10

    let source: SourceFile
    let range: Range<Int64>

    struct Iterator: AsyncIteratorProtocol {
        let source: SourceFile
        var rest: Range<Int64>

        mutating func next() async throws(ClientFailure) -> ByteBuffer? {
            guard !rest.isEmpty else { return nil }
            guard !Task.isCancelled else { throw .interrupted }
            let (source, offset) = (source, rest.lowerBound)
            let count = Int(Swift.min(rest.upperBound - offset, RangeReader.pieceSize))
            let piece = try await blocking { () throws(ClientFailure) in
                try source.read(at: offset, count: count)
            }
            rest = (offset + Int64(count))..<rest.upperBound
            return piece
        }
    }

    func makeAsyncIterator() -> Iterator { Iterator(source: source, rest: range) }

    func sha256() async throws(ClientFailure) -> Digest256 {
        var hasher = SHA256Hasher()
        var pieces = makeAsyncIterator()
        while let piece = try await pieces.next() { piece.withUnsafeReadableBytes { hasher.update($0) } }
        return hasher.finalize()
    }

    func md5() async throws(ClientFailure) -> Digest128 {
        var hasher = MD5Hasher()
        var pieces = makeAsyncIterator()
        while let piece = try await pieces.next() { piece.withUnsafeReadableBytes { hasher.update($0) } }
        return hasher.finalize()
    }
}

/// A part on its way: counted and hashed as it is handed to the connection. To be sent once.
final class PartBody: AsyncSequence, Sendable {
    private struct State: ~Copyable {
        var hasher = SHA256Hasher()
        var byteCount: Int64 = 0
    }

    let length: Int64
    private let reader: RangeReader
    private let meter: ProgressMeter
    private let state = Mutex(State())

    init(_ reader: RangeReader, _ meter: ProgressMeter) {
        self.reader = reader
        self.meter = meter
        length = reader.range.upperBound - reader.range.lowerBound
    }

    struct Iterator: AsyncIteratorProtocol {
        let body: PartBody
        var pieces: RangeReader.Iterator

        mutating func next() async throws -> ByteBuffer? {
            guard let piece = try await pieces.next() else { return nil }
            body.note(piece)
            return piece
        }
    }

    func makeAsyncIterator() -> Iterator { Iterator(body: self, pieces: reader.makeAsyncIterator()) }

    private func note(_ piece: ByteBuffer) {
        state.withLock { state in
            piece.withUnsafeReadableBytes { state.hasher.update($0) }
            state.byteCount += Int64(piece.readableBytes)
        }
        meter.add(Int64(piece.readableBytes))
    }

    /// Of what was handed out; asked for once, after the end.
    func digest() -> Digest256 {
        state.withLock { state in exchange(&state.hasher, with: SHA256Hasher()).finalize() }
    }

    /// What did not arrive does not count.
    func takeBack() { meter.add(-state.withLock { $0.byteCount }) }
}
