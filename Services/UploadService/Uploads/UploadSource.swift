import NIOCore

/// The bytes of one file as they arrive. To be read once.
struct UploadSource: Sendable {
    /// Bytes, when known before the first one comes.
    let length: Int64?
    /// There are no more bytes than this, when that is known.
    var bound: Int64?
    /// Of the connection they come from: what reads, hashes and hands them over there spares two changes of threads for each buffer.
    var executor: (any TaskExecutor)?
    let body: any AsyncSequence<ByteBuffer, any Error> & Sendable
}
