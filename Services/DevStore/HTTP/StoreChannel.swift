import HummingbirdCore
import Logging
import NIOCore
import ServiceLifecycle

/// HTTP/1.1 connections, each served on the threads where blocking is allowed.
struct StoreChannel: ServerChildChannel {
    let http: HTTP1Channel
    let threads: IOThreads

    /// Large reads: fewer turns through the pipeline per gigabyte.
    func setup(channel: any Channel, logger: Logger) -> EventLoopFuture<HTTP1Channel.Value> {
        let reads = AdaptiveRecvByteBufferAllocator(minimum: 4096, initial: 65_536, maximum: 512 << 10)
        let options = [
            channel.setOption(.recvAllocator, value: reads),
            channel.setOption(.writeBufferWaterMark, value: .init(low: 512 << 10, high: 1 << 20)),
        ]
        return EventLoopFuture.andAllSucceed(options, on: channel.eventLoop)
            .flatMap { http.setup(channel: channel, logger: logger) }
    }

    func handle(value: HTTP1Channel.Value, logger: Logger) async {
        await withTaskExecutorPreference(threads) { await http.handle(value: value, logger: logger) }
    }
}
