public import NIOCore

/// The bytes of a download, read from the connection only as fast as they are taken. To be read once.
///
/// Throws only `StoreFailure`: `unavailable` when the connection broke, stalled or ended early. Dropping it, or
/// cancelling the reading task, closes the connection.
public struct DownloadBody: AsyncSequence, Sendable {
    public typealias Element = ByteBuffer
    public typealias Failure = any Error

    private let makeNext: @Sendable ((any TaskExecutor)?) -> ByteStream.Next
    private var executor: (any TaskExecutor)?

    /// Another source than S3, such as a test's; it must throw `StoreFailure` only.
    public init(_ source: ByteStream) { makeNext = { _ in source.makeNext() } }

    init(_ reader: DownloadReader) {
        makeNext = { executor in { try await reader.next(on: executor) } }
    }

    /// The same bytes, read from the connection by a task of `executor`: that of their reader spares a change of threads.
    public func read(on executor: (any TaskExecutor)?) -> DownloadBody {
        var body = self
        body.executor = executor
        return body
    }

    public func makeAsyncIterator() -> Iterator { Iterator(read: makeNext(executor)) }

    public struct Iterator: AsyncIteratorProtocol {
        fileprivate let read: ByteStream.Next

        public mutating func next() async throws -> ByteBuffer? { try await read() }
    }
}
