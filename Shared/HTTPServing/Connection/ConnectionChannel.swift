import HummingbirdCore
import Logging
import NIOCore
import NIOHTTP1
import NIOHTTPTypes
import NIOHTTPTypesHTTP1

/// The channel of one connection and what reads from it.
typealias RequestChannel = NIOAsyncChannel<HTTPRequestPart, HTTPResponsePart>

/// Assembles the pipeline of an accepted connection: bytes, meter, HTTP codec, guard, types, then the request loop.
struct ConnectionChannel: ServerChildChannel {
    let limits: ConnectionLimits
    let responder: RequestResponder

    func setup(channel: any Channel, logger: Logger) -> EventLoopFuture<RequestChannel> {
        channel.eventLoop.makeCompletedFuture { [limits] in
            let options = channel.syncOptions
            try options?.setOption(.maxMessagesPerRead, value: UInt(max(1, limits.readsPerTurn)))
            try options?.setOption(.recvAllocator, value: receiveBuffers)
            let pipeline = channel.pipeline.syncOperations
            try pipeline.addHandler(WireMeter(stallTimeout: limits.writeStallTimeout))
            try pipeline.configureHTTPServerPipeline(
                withPipeliningAssistance: false,
                withErrorHandling: false,
                withOutboundHeaderValidation: true,
                withEncoderConfiguration: .init(),
                withDecoderLimitConfiguration: decoderLimits
            )
            try pipeline.addHandlers([
                ConnectionGuard(limits: limits, now: channel.eventLoop.now, logger: logger),
                HTTP1ToHTTPServerCodec(secure: false),
            ])
            return try RequestChannel(
                wrappingChannelSynchronously: channel,
                configuration: .init(
                    // In parts, each at most one receive buffer: what a slow handler lets pile up.
                    backPressureStrategy: .init(lowWatermark: 2, highWatermark: 4),
                    isOutboundHalfClosureEnabled: true
                )
            )
        }
    }

    func handle(value channel: RequestChannel, logger: Logger) async {
        do {
            try await withTaskCancellationHandler {
                try await channel.executeThenClose { inbound, outbound in
                    await RequestLoop(channel: channel.channel, outbound: outbound, responder: responder)
                        .run(inbound.makeAsyncIterator())
                }
            } onCancel: {
                channel.channel.close(promise: nil)
            }
        } catch {
            // The client was gone before we closed.
            logger.trace("a connection ended", metadata: ["error": "\(error)"])
        }
    }

    private var receiveBuffers: AdaptiveRecvByteBufferAllocator {
        let maximum = max(1 << 10, limits.receiveBufferBytes)
        return AdaptiveRecvByteBufferAllocator(
            minimum: 1 << 10,
            initial: min(16 << 10, maximum),
            maximum: maximum
        )
    }

    private var decoderLimits: NIOHTTPDecoderLimitConfiguration {
        var decoder = NIOHTTPDecoderLimitConfiguration()
        decoder.maxHeaderFieldSize = limits.headerByteLimit
        decoder.maxHeaderListSize = limits.headerByteLimit
        decoder.maxHeaderFieldCount = limits.headerCountLimit
        return decoder
    }
}
