import Digests
import NIOCore
import SagaEngine
import Synchronization

/// How many bytes went by, and their digest.
struct Tally: Sendable {
    let byteCount: Int64
    let sha256: Digest256
}

/// What a client said of its bytes before it sent them.
struct ExpectedBody: Sendable {
    var size: Int64?
    var sha256: Digest256?
}

/// Passes a body on unchanged, counting and hashing it. To be read once.
///
/// Throws `UploadFailure.tooLarge` when there is more than `limit`; `.sizeMismatch` or `.digestMismatch` at the end of bytes that
/// are not the expected ones, so that the store keeps nothing of them; and `.lost` instead of any bytes once the process has
/// been silent for so long that others may have taken the upload for abandoned, and its object for removed.
final class TalliedBody: AsyncSequence, Sendable {
    typealias Element = ByteBuffer
    typealias Failure = any Error

    private struct State: ~Copyable, Sendable {
        var hasher = SHA256Hasher()
        var byteCount: Int64 = 0
        var tally: Tally?
    }

    private let source: UploadSource
    private let limit: Int64
    private let expected: ExpectedBody
    private let signOfLife: SignOfLife
    private let state = Mutex(State())

    init(
        _ source: UploadSource,
        limit: Int64,
        expecting expected: ExpectedBody,
        signOfLife: SignOfLife
    ) {
        self.source = source
        self.limit = limit
        self.expected = expected
        self.signOfLife = signOfLife
    }

    /// Where it is best read, if it is passed on as it comes.
    var executor: (any TaskExecutor)? { source.executor }
    var byteCount: Int64 { state.withLock { $0.byteCount } }
    /// Nil until the body was read to its end, and found to be what was expected.
    var tally: Tally? { state.withLock { $0.tally } }

    private func end() throws(UploadFailure) {
        let tally = state.withLock { state in
            let hasher = exchange(&state.hasher, with: SHA256Hasher())
            return Tally(byteCount: state.byteCount, sha256: hasher.finalize())
        }
        if let declared = expected.size, declared != tally.byteCount {
            throw .sizeMismatch(declared: declared, received: tally.byteCount)
        }
        if let declared = expected.sha256, declared != tally.sha256 {
            throw .digestMismatch(declared: declared.hex, actual: tally.sha256.hex)
        }
        state.withLock { $0.tally = tally }
    }

    private func count(_ buffer: ByteBuffer) throws(UploadFailure) {
        let total = state.withLock { state in
            buffer.withUnsafeReadableBytes { state.hasher.update($0) }
            let (sum, overflow) = state.byteCount.addingReportingOverflow(Int64(buffer.readableBytes))
            state.byteCount = overflow ? .max : sum
            return state.byteCount
        }
        if total > limit { throw .tooLarge(limit: limit) }
        if signOfLife.isLost { throw .lost }
    }

    func makeAsyncIterator() -> AsyncIterator {
        AsyncIterator(body: self, read: Self.reader(of: source.body))
    }

    private static func reader(
        of base: some AsyncSequence<ByteBuffer, any Error>
    ) -> () async throws -> ByteBuffer? {
        var iterator = base.makeAsyncIterator()
        return { try await iterator.next() }
    }

    struct AsyncIterator: AsyncIteratorProtocol {
        fileprivate let body: TalliedBody
        fileprivate let read: () async throws -> ByteBuffer?

        mutating func next() async throws -> ByteBuffer? {
            guard let buffer = try await read() else {
                try body.end()
                return nil
            }
            try body.count(buffer)
            return buffer
        }
    }
}
