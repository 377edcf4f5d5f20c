import AsyncHTTPClient
import NIOCore
import Synchronization

/// Owns the task that reads the connection, and ends it when nobody reads any more.
///
/// A task of its own, because a stalled connection must be given up while the reader is waiting inside `next`.
final class DownloadReader: Sendable {
    private let channel = Handoff<ByteBuffer>()
    private let task = Mutex<Task<Void, Never>?>(nil)
    private let pump: DownloadPump

    init(_ response: HTTPClientResponse, length: Int64, watch: StallWatch, timeouts: S3Timeouts) {
        pump = DownloadPump(response: response, length: length, watch: watch, timeouts: timeouts)
    }

    deinit { task.withLock { $0 }?.cancel() }

    /// - Parameter executor: of the task that reads the connection; the first call decides.
    func next(on executor: (any TaskExecutor)?) async throws -> ByteBuffer? {
        task.withLock { task in
            guard task == nil else { return }
            task = Task(executorPreference: executor) { [pump, channel] in
                channel.finish(await pump.run(into: channel))
            }
        }
        do {
            return try await channel.next()
        } catch let failure as StoreFailure {
            throw failure
        } catch {
            throw StoreFailure.cancelled
        }
    }
}

private struct DownloadPump: Sendable {
    let response: HTTPClientResponse
    let length: Int64
    let watch: StallWatch
    let timeouts: S3Timeouts

    private enum Event: Sendable {
        case read(StoreFailure?)
        case stalled
        case quiet
    }

    /// Nil when every byte was passed on.
    func run(into channel: Handoff<ByteBuffer>) async -> StoreFailure? {
        await withTaskGroup(of: Event.self) { group in
            group.addTask { .read(await read(into: channel)) }
            group.addTask { await watch.stalled() ? .stalled : .quiet }
            var hasStalled = false
            var result: StoreFailure?
            for await event in group {
                switch event {
                case .read(let failure): result = failure
                case .stalled: hasStalled = true
                case .quiet: break
                }
                group.cancelAll()
            }
            return hasStalled && result != nil
                ? .unavailable(reason: "the download stalled", retryAfter: nil) : result
        }
    }

    private func read(into channel: Handoff<ByteBuffer>) async -> StoreFailure? {
        var count: Int64 = 0
        do {
            watch.await(timeouts.progress)
            for try await buffer in response.body {
                watch.rest()
                count += Int64(buffer.readableBytes)
                guard await channel.send(buffer) else { return .cancelled }
                watch.await(timeouts.progress)
            }
            watch.rest()
        } catch {
            if Task.isCancelled { return .cancelled }
            return .unavailable(reason: "the download broke off after \(count) bytes", retryAfter: nil)
        }
        if Task.isCancelled { return .cancelled }
        return count == length
            ? nil
            : .unavailable(reason: "the download ended after \(count) of \(length) bytes", retryAfter: nil)
    }
}
