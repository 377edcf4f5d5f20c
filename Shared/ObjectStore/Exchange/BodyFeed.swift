import NIOCore

/// Feeds a body to the HTTP client, one buffer at a time, checking its length and encoding it where a trailer follows.
///
/// A stream's buffer leaves only when the next one, or the end, was seen. So a stream that throws or proves too long
/// at its very end never completes a request, and the store keeps nothing.
struct BodyFeed: Sendable {
    enum End: Sendable {
        case whole
        /// The caller's stream threw, or had another length.
        case failed(any Error)
        /// The exchange ended before the body did.
        case stopped

        var isWhole: Bool {
            if case .whole = self { return true }
            return false
        }
    }

    enum Source: Sendable {
        case stream(ByteStream)
        /// In slices, so that a slow connection shows progress.
        case bytes(ByteBuffer)
    }

    static let sliceSize = 256 << 10

    let source: Source
    let wireLength: Int64
    let makeEncoder: (@Sendable () -> ChunkedEncoder)?

    init(_ source: Source, wireLength: Int64, makeEncoder: (@Sendable () -> ChunkedEncoder)? = nil) {
        self.source = source
        self.wireLength = wireLength
        self.makeEncoder = makeEncoder
    }

    func run(into channel: Handoff<ByteBuffer>, _ watch: StallWatch, _ timeouts: S3Timeouts) async -> End {
        let end = await feed(Outlet(channel: channel, watch: watch, timeouts: timeouts))
        switch end {
        case .whole:
            watch.await(timeouts.answer)
            channel.finish()
        case .failed(let error): channel.finish(error)
        case .stopped: channel.finish(CancellationError())
        }
        return end
    }

    private func feed(_ outlet: Outlet) async -> End {
        switch source {
        case .stream(let stream): return await feed(stream, outlet)
        case .bytes(var buffer):
            while let slice = buffer.readSlice(length: min(buffer.readableBytes, Self.sliceSize)),
                slice.readableBytes > 0
            {
                guard await outlet.send(slice) else { return .stopped }
            }
            return .whole
        }
    }

    private func feed(_ stream: ByteStream, _ outlet: Outlet) async -> End {
        var encoder = makeEncoder?()
        var held: ByteBuffer?
        var count: Int64 = 0
        let next = stream.makeNext()
        do {
            while let buffer = try await next() {
                if buffer.readableBytes == 0 { continue }
                count += Int64(buffer.readableBytes)
                guard count <= stream.length else {
                    throw BodyLengthMismatch(declared: stream.length, received: count)
                }
                if let held, !(await send(held, &encoder, outlet)) { return .stopped }
                held = buffer
            }
            try Task.checkCancellation()
            guard count == stream.length else {
                throw BodyLengthMismatch(declared: stream.length, received: count)
            }
        } catch {
            // A stream that fails because we cancelled it did not fail of itself.
            return Task.isCancelled ? .stopped : .failed(error)
        }
        if let held, !(await send(held, &encoder, outlet)) { return .stopped }
        if let trailer = encoder?.finish(), !(await outlet.send(trailer)) { return .stopped }
        return .whole
    }

    private func send(_ buffer: ByteBuffer, _ encoder: inout ChunkedEncoder?, _ outlet: Outlet) async -> Bool
    {
        guard encoder != nil else { return await outlet.send(buffer) }
        for piece in encoder?.encode(buffer) ?? [] {
            guard await outlet.send(piece) else { return false }
        }
        return true
    }
}

/// Hands a buffer to the connection; meanwhile it is the store that is waited for.
private struct Outlet {
    let channel: Handoff<ByteBuffer>
    let watch: StallWatch
    let timeouts: S3Timeouts

    func send(_ buffer: ByteBuffer) async -> Bool {
        watch.await(timeouts.progress)
        let wasTaken = await channel.send(buffer)
        watch.rest()
        return wasTaken
    }
}
