import Logging
import NIOCore
import NIOHTTP1

/// Watches one connection between the HTTP codec and the request loop: timeouts, what follows a response, shutdown.
///
/// Runs on the channel's event loop only.
final class ConnectionGuard: ChannelDuplexHandler {
    typealias InboundIn = HTTPServerRequestPart
    typealias InboundOut = HTTPServerRequestPart
    typealias OutboundIn = HTTPServerResponsePart
    typealias OutboundOut = HTTPServerResponsePart

    private let limits: ConnectionLimits
    private var state: ConnectionState
    private var timers: ConnectionTimers
    private var hasLineFeed = false
    private var scheduled: Scheduled<Void>?
    private var scheduledFor: NIODeadline?
    /// When the client's system has taken all of the newest response. A channel that is closed before drops the rest.
    private var sent: EventLoopFuture<Void>?
    private let logger: Logger

    init(limits: ConnectionLimits, now: NIODeadline, logger: Logger) {
        self.limits = limits
        self.logger = logger
        state = ConnectionState(drainByteLimit: limits.drainByteLimit)
        timers = ConnectionTimers(limits: limits, now: now)
    }

    func handlerAdded(context: ChannelHandlerContext) { arm(context) }

    func handlerRemoved(context: ChannelHandlerContext) { scheduled?.cancel() }

    // MARK: Inbound

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        let now = context.eventLoop.now
        switch unwrapInboundIn(data) {
        case .head(let head):
            timers.headEnded(at: now)
            hasLineFeed = false
            receive(head, context, data)
        case .body(let bytes):
            timers.progressed(at: now)
            switch state.received(bodyBytes: bytes.readableBytes) {
            case .pass: context.fireChannelRead(data)
            case .drop: break
            case .dropAndLinger: linger(context)
            }
        case .end:
            timers.headEnded(at: now)
            if state.receivedEnd() { context.fireChannelRead(data) }
        }
        arm(context)
    }

    private func receive(_ head: HTTPRequestHead, _ context: ChannelHandlerContext, _ data: NIOAny) {
        guard state.mode == .serving else { return }
        guard !state.hasFailed else { return }
        state.received(head: RequestHead.facts(of: head))
        if !RequestHead.isVersion10(head), head.headers["host"].count != 1 {
            fail(ConnectionFailure.hostMissing, context)
        } else if !RequestHead.hasReadableBody(head) {
            fail(ConnectionFailure.bodyUnreadable, context)
        } else if head.uri.utf8.count > limits.uriByteLimit {
            fail(ConnectionFailure.requestLineTooLong, context)
        } else {
            context.fireChannelRead(data)
        }
    }

    func channelReadComplete(context: ChannelHandlerContext) {
        timers.isReadOutstanding = false
        let headLimit = limits.uriByteLimit + limits.headerByteLimit
        if state.isAwaitingHead, state.mode == .serving,
            timers.headBytes > headLimit + limits.receiveBufferBytes
        {
            fail(hasLineFeed ? ConnectionFailure.headTooLarge : .requestLineTooLong, context)
        }
        context.fireChannelReadComplete()
        switch state.mode {
        case .lingering, .draining:
            // Nobody further in asks for bytes that are dropped here.
            context.read()
        case .serving, .closed: break
        }
        arm(context)
    }

    func read(context: ChannelHandlerContext) {
        timers.isReadOutstanding = true
        context.read()
        arm(context)
    }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        switch event {
        case is BytesArrived where state.mode == .lingering:
            // Whatever they would have meant: the client is still sending.
            timers.progressed(at: context.eventLoop.now)
        case let arrived as BytesArrived:
            guard state.isAwaitingHead else { return }
            timers.receivedHeadBytes(arrived.count, at: context.eventLoop.now)
            hasLineFeed = hasLineFeed || arrived.hasLineFeed
            arm(context)
        case is ChannelShouldQuiesceEvent:
            if state.stop() { whenSent(context) { $0.close(promise: nil) } }
            timers.stop(at: context.eventLoop.now)
            arm(context)
        case ChannelEvent.inputClosed where state.mode == .lingering:
            whenSent(context) { $0.close(promise: nil) }
        default:
            context.fireUserInboundEventTriggered(event)
        }
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        // The parser says the same of a long target and of long fields.
        if case HTTPParserError.headerOverflow = error, state.isAwaitingHead, !hasLineFeed {
            return fail(.requestLineTooLong, context)
        }
        state.failed()
        context.fireErrorCaught(error)
    }

    private func fail(_ failure: ConnectionFailure, _ context: ChannelHandlerContext) {
        state.failed()
        context.fireErrorCaught(failure)
    }

    // MARK: Outbound

    func write(context: ChannelHandlerContext, data: NIOAny, promise: EventLoopPromise<Void>?) {
        switch unwrapOutboundIn(data) {
        case .head(var head):
            if head.status.code < 200 {
                if head.status == .continue {
                    state.sentContinue()
                    timers.progressed(at: context.eventLoop.now)
                }
                context.write(data, promise: promise)
            } else {
                decorate(&head)
                context.write(wrapOutboundOut(.head(head)), promise: promise)
            }
        case .body:
            context.write(data, promise: promise)
        case .end:
            timers.progressed(at: context.eventLoop.now)
            end(context, data, promise)
        }
        arm(context)
    }

    private func decorate(_ head: inout HTTPResponseHead) {
        if state.requests.first?.isVersion10 == true { head.version = .http1_0 }
        let isCloseAsked = head.headers[canonicalForm: "connection"].contains { $0.lowercased() == "close" }
        guard let value = state.sendingHead(isCloseAsked: isCloseAsked) else { return }
        head.headers.replaceOrAdd(name: "Connection", value: value)
    }

    private func end(_ context: ChannelHandlerContext, _ data: NIOAny, _ promise: EventLoopPromise<Void>?) {
        let written = promise ?? context.eventLoop.makePromise(of: Void.self)
        sent = written.futureResult
        switch state.sentEnd() {
        case .proceed:
            context.write(data, promise: written)
        case .drain:
            context.writeAndFlush(data, promise: written)
            context.read()
        case .close:
            context.writeAndFlush(data, promise: written)
            whenSent(context) { $0.close(promise: nil) }
        case .linger:
            context.writeAndFlush(data, promise: written)
            linger(context)
        }
    }

    private func whenSent(
        _ context: ChannelHandlerContext,
        _ act: @escaping @Sendable (ChannelHandlerContext) -> Void
    ) {
        guard let sent else { return act(context) }
        let bound = NIOLoopBound(context, eventLoop: context.eventLoop)
        sent.whenComplete { _ in act(bound.value) }
    }

    func triggerUserOutboundEvent(
        context: ChannelHandlerContext,
        event: Any,
        promise: EventLoopPromise<Void>?
    ) {
        guard event is FinishConnection else {
            return context.triggerUserOutboundEvent(event, promise: promise)
        }
        promise?.succeed()
        if state.mode == .lingering { return }
        if state.finish() { linger(context) } else { whenSent(context) { $0.close(promise: nil) } }
        arm(context)
    }

    /// Says goodbye and drops what still comes: closing at once would reset the connection and lose the answer.
    private func linger(_ context: ChannelHandlerContext) {
        timers.startedLinger(at: context.eventLoop.now, isStopping: state.isStopping)
        whenSent(context) { $0.close(mode: .output, promise: nil) }
        context.read()
    }

    // MARK: Timers

    private func arm(_ context: ChannelHandlerContext) {
        guard let deadline = timers.deadline(state)?.at else { return }
        if let scheduledFor, scheduledFor <= deadline { return }
        scheduled?.cancel()
        scheduledFor = deadline
        let bound = NIOLoopBound((guard: self, context: context), eventLoop: context.eventLoop)
        scheduled = context.eventLoop.scheduleTask(deadline: deadline) {
            bound.value.guard.fired(bound.value.context)
        }
    }

    private func fired(_ context: ChannelHandlerContext) {
        scheduledFor = nil
        scheduled = nil
        guard let (deadline, expiry) = timers.deadline(state) else { return }
        guard context.eventLoop.now >= deadline else { return arm(context) }
        logger.debug("a client was too slow", metadata: ["wait": "\(expiry)"])
        switch expiry {
        case .header where timers.headBytes > 0: expire(.headTimedOut, context)
        case .body where state.mode == .serving: expire(.bodyStalled, context)
        case .idle where context.unsentByteCount > 0:
            // Whoever takes nothing of it at all is the meter's to end.
            timers.progressed(at: context.eventLoop.now)
            arm(context)
        case .idle, .header, .body, .linger: context.close(promise: nil)
        }
    }

    private func expire(_ failure: ConnectionFailure, _ context: ChannelHandlerContext) {
        guard !state.hasFailed else { return context.close(promise: nil) }
        fail(failure, context)
        // Now it is our turn to answer; should that not end the connection, a later wait does.
        timers.headEnded(at: context.eventLoop.now)
        arm(context)
    }
}
