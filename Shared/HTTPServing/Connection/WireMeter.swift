import Glibc
import NIOCore

/// First in the pipeline, where bytes are still bytes: tells the guard of arrivals, ends connections whose client takes
/// nothing of what we send.
///
/// Runs on the channel's event loop only.
final class WireMeter: ChannelDuplexHandler {
    typealias InboundIn = ByteBuffer
    typealias InboundOut = ByteBuffer
    typealias OutboundIn = IOData
    typealias OutboundOut = IOData

    private let stallTimeout: TimeAmount
    private var sentBytes: Int64 = 0
    private var takenBytes: Int64 = -1
    private var quietTicks = 0
    private var isTicking = false
    private var scheduled: Scheduled<Void>?

    init(stallTimeout: Duration) { self.stallTimeout = TimeAmount(stallTimeout) }

    func handlerRemoved(context: ChannelHandlerContext) { scheduled?.cancel() }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        let bytes = unwrapInboundIn(data)
        let hasLineFeed = bytes.withUnsafeReadableBytes { unsafe in
            unsafe.baseAddress.map { memchr($0, 0x0A, unsafe.count) != nil } ?? false
        }
        context.fireUserInboundEventTriggered(
            BytesArrived(count: bytes.readableBytes, hasLineFeed: hasLineFeed)
        )
        context.fireChannelRead(data)
    }

    func write(context: ChannelHandlerContext, data: NIOAny, promise: EventLoopPromise<Void>?) {
        sentBytes &+= Int64(unwrapOutboundIn(data).readableBytes)
        context.write(data, promise: promise)
        if !isTicking { tick(context) }
    }

    private func tick(_ context: ChannelHandlerContext) {
        isTicking = true
        let bound = NIOLoopBound((meter: self, context: context), eventLoop: context.eventLoop)
        // Two quiet halves make one whole timeout; a tick costs nothing.
        scheduled = context.eventLoop.scheduleTask(in: .nanoseconds(stallTimeout.nanoseconds / 2)) {
            bound.value.meter.look(bound.value.context)
        }
    }

    private func look(_ context: ChannelHandlerContext) {
        isTicking = false
        let unsent = context.unsentByteCount
        guard unsent > 0 else {
            quietTicks = 0
            return
        }
        let taken = sentBytes - Int64(unsent)
        quietTicks = taken == takenBytes ? quietTicks + 1 : 0
        takenBytes = taken
        if quietTicks >= 2 { return context.close(promise: nil) }
        tick(context)
    }
}

extension ChannelHandlerContext {
    /// Bytes of ours that the system has not taken yet: closing the channel drops them.
    var unsentByteCount: Int {
        (try? channel.syncOptions?.getOption(.bufferedWritableBytes)) ?? 0
    }
}
