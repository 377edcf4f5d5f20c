import NIOCore

/// Cuts a stream into parts. The bytes are copied once, into one buffer per part: small pieces of large receive buffers
/// would otherwise keep those alive.
struct PartCollector: Sendable {
    struct Part: Sendable {
        let number: Int
        let bytes: ByteBuffer
        /// Nothing comes after it.
        let isLast: Bool
    }

    let stream: ByteStream
    let partCountLimit: Int
    let sizeLimit: Int64
    let partSize: @Sendable (Int) -> Int64

    /// Hands every part on; a part that could be the last is held until more bytes, or the end, are seen.
    func run(into parts: Handoff<Part>) async {
        do {
            let whole = try await collect(into: parts)
            parts.finish(whole ? nil : CancellationError())
        } catch {
            parts.finish(Task.isCancelled ? CancellationError() : StoreFailure.bodyFailed(error))
        }
    }

    private func collect(into parts: Handoff<Part>) async throws -> Bool {
        let next = stream.makeNext()
        var number = 1
        var filling = ByteBuffer()
        var room = Int(clamping: partSize(1))
        var total: Int64 = 0
        while var buffer = try await next() {
            total += Int64(buffer.readableBytes)
            guard total <= sizeLimit else { throw UploadTooLarge(limit: sizeLimit) }
            while buffer.readableBytes > 0 {
                if filling.readableBytes == room {
                    guard number < partCountLimit else { throw UploadTooLarge(limit: sizeLimit) }
                    guard await parts.send(Part(number: number, bytes: filling, isLast: false)) else {
                        return false
                    }
                    number += 1
                    room = Int(clamping: partSize(number))
                    filling = ByteBufferAllocator().buffer(capacity: room)
                }
                let count = min(room - filling.readableBytes, buffer.readableBytes)
                guard var slice = buffer.readSlice(length: count) else { break }
                filling.writeBuffer(&slice)
            }
        }
        try Task.checkCancellation()
        return await parts.send(Part(number: number, bytes: filling, isLast: true))
    }
}

/// The stream is longer than the store can hold. Nothing was stored.
public struct UploadTooLarge: Error, Equatable, Sendable {
    public let limit: Int64
}
