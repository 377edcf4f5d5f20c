public import NIOCore

/// The bytes of a download, read from the connection only as fast as they are taken. To be read once.
///
/// Throws only `StoreFailure`: `unavailable` when the connection broke, stalled or ended early. Dropping it, or
/// cancelling the reading task, closes the connection.
public struct DownloadBody: AsyncSequence, Sendable {
    public typealias Element = ByteBuffer
    public typealias Failure = any Error

    private let source: ByteStream

    /// Another source than S3, such as a test's; it must throw `StoreFailure` only.
    public init(_ source: ByteStream) { self.source = source }

    public func makeAsyncIterator() -> Iterator { Iterator(read: source.makeNext()) }

    public struct Iterator: AsyncIteratorProtocol {
        fileprivate let read: ByteStream.Next

        public mutating func next() async throws -> ByteBuffer? { try await read() }
    }
}
