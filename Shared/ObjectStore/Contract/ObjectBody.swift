public import NIOCore

/// What is to be stored: bytes that can be sent again, or a stream of known length that can be read once.
public enum ObjectBody: Sendable {
    case bytes(ByteBuffer)
    case streamed(ByteStream)

    /// The stream must yield exactly `length` bytes. It is read by one task, which is awaited before the call returns:
    /// a stream that does not end when its task is cancelled holds the call up.
    public static func stream<Source: AsyncSequence & Sendable>(length: Int64, _ source: Source) -> ObjectBody
    where Source.Element == ByteBuffer {
        .streamed(ByteStream(length: length, source))
    }

    /// Bytes.
    public var length: Int64 {
        switch self {
        case .bytes(let buffer): Int64(buffer.readableBytes)
        case .streamed(let stream): stream.length
        }
    }
}

/// A sequence of buffers with its type and failure erased, and the length it was declared with.
public struct ByteStream: Sendable {
    typealias Next = () async throws -> ByteBuffer?

    public let length: Int64
    let makeNext: @Sendable () -> Next

    public init<Source: AsyncSequence & Sendable>(length: Int64, _ sequence: Source)
    where Source.Element == ByteBuffer {
        self.length = length
        makeNext = {
            var iterator = sequence.makeAsyncIterator()
            return { try await iterator.next() }
        }
    }
}
