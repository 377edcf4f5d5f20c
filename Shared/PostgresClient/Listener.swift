internal import Determinism
internal import Logging
internal import Synchronization

extension PostgresPool {
    /// Listens for NOTIFY on a connection of its own, for as long as the stream is read or the pool is open.
    ///
    /// Yields each payload, and `""` whenever listening has (re)started: something may have been missed before it. A slow reader
    /// keeps the newest 1 024. Reconnects for ever, with pauses up to a second.
    public func listen(_ channel: String) -> AsyncStream<String> {
        let (stream, feed) = AsyncStream<String>.makeStream(bufferingPolicy: .bufferingNewest(1024))
        let listener = Listener(
            channel: channel,
            settings: settings,
            loop: loop,
            time: time,
            random: random,
            logger: logger
        )
        let task = Task {
            await listener.run(feed)
            feed.finish()
        }
        feed.onTermination = { _ in task.cancel() }
        let isClosed = guarded.withLock { guarded in
            guarded.listeners.append(task)
            return guarded.pool.isClosed
        }
        if isClosed { task.cancel() }
        return stream
    }
}

/// One LISTEN that comes back after every loss.
struct Listener: Sendable {
    let channel: String
    let settings: PostgresSettings
    let loop: EventLoop
    let time: any TimeSource
    let random: any RandomSource
    let logger: Logger

    func run(_ feed: AsyncStream<String>.Continuation) async {
        var failureCount = 0
        while !Task.isCancelled {
            do throws(DatabaseError) {
                try await listenOnce(feed) { failureCount = 0 }
            } catch {
                logger.warning("LISTEN lost", metadata: ["reason": .string(error.reasonText)])
            }
            failureCount = min(failureCount + 1, 6)
            let pause = Duration.milliseconds(min(1000, 25 << failureCount))
            try? await time.sleep(for: pause / 2 + random.jitter(upTo: pause / 2))
        }
    }

    /// Returns or throws when the connection ends.
    private func listenOnce(
        _ feed: AsyncStream<String>.Continuation,
        started: () -> Void
    ) async throws(DatabaseError) {
        let (payloads, source) = AsyncStream<String>.makeStream(bufferingPolicy: .bufferingNewest(1024))
        let connection = Connection(
            settings: settings,
            loop: loop,
            logger: logger,
            onClose: { _ in source.finish() },
            onNotification: { source.yield($0) }
        )
        try await connection.open()
        let sql = "LISTEN \(try quotedIdentifier(channel))"
        let answer = await connection.run(.script(sql), limit: connection.answerLimit)
        if case .failure(let error) = answer {
            await connection.close(error)
            throw error
        }
        started()
        feed.yield("")
        // Ends when the connection is closed, or when this task is cancelled.
        for await payload in payloads { feed.yield(payload) }
        await connection.close(.cancelled)
    }
}
