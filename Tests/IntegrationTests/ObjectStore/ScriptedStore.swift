import Logging
import NIOCore
import NIOHTTP1
import NIOPosix
import ObjectStore
import Synchronization

/// A server that answers as a test tells it, faults included: what no healthy store can be made to do.
final class ScriptedStore: Sendable {
    struct Received: Sendable {
        let method: HTTPMethod
        let uri: String
        let headers: HTTPHeaders
        let body: ByteBuffer
    }

    enum Move: Sendable {
        case answer(Int, headers: [(String, String)] = [], body: String = "")
        /// Announces more than it sends, then closes.
        case cutAnswer(announced: Int, body: String)
        /// Sends the head and these bytes, then nothing more.
        case stallInAnswer(announced: Int, body: String)
        /// Closes when the whole request was read.
        case drop
        /// Reads everything and never answers.
        case silence
        /// Closes when the request's head came, before its body.
        case dropAtHead
        /// Answers when the request's head came.
        case answerAtHead(Int, headers: [(String, String)] = [], body: String = "")
        /// Stops reading after the head.
        case stopReading
    }

    private let moves: Mutex<[Move]>
    private let log = Mutex<[Received]>([])
    private let channel = Mutex<(any Channel)?>(nil)

    private init(_ moves: [Move]) { self.moves = Mutex(moves) }

    var received: [Received] { log.withLock { $0 } }

    /// Runs a store against a server that makes these moves, one for each request; after the last it closes connections.
    static func with(
        _ moves: [Move],
        time: TestTime = TestTime(),
        _ change: (inout S3Settings) -> Void = { _ in },
        _ body: (S3Store, ScriptedStore) async throws -> Void
    ) async throws {
        let server = ScriptedStore(moves)
        let channel = try await ServerBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .serverChannelOption(.backlog, value: 16)
            .childChannelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    try channel.pipeline.syncOperations.configureHTTPServerPipeline(
                        withPipeliningAssistance: false
                    )
                    try channel.pipeline.syncOperations.addHandler(ScriptedHandler(server))
                }
            }
            .bind(host: "127.0.0.1", port: 0).get()
        var settings = S3Settings(
            endpoint: "http://127.0.0.1:\(channel.localAddress?.port ?? 0)",
            bucket: "bucket",
            credentials: S3Credentials(accessKeyID: "AKID", secretAccessKey: "hush-hush")
        )
        settings.retries.base = .milliseconds(1)
        settings.timeouts.progress = .seconds(5)
        settings.timeouts.answer = .seconds(5)
        settings.timeouts.connect = .seconds(5)
        change(&settings)
        let store = try S3Store(settings, time: time, random: TestRandom(), logger: Logger(label: "test"))
        let result: Result<Void, any Error>
        do { result = .success(try await body(store, server)) } catch { result = .failure(error) }
        await store.shutdown()
        try await channel.close()
        return try result.get()
    }

    fileprivate func nextMove() -> Move { moves.withLock { $0.isEmpty ? .drop : $0.removeFirst() } }
    fileprivate func record(_ request: Received) { log.withLock { $0.append(request) } }
}

private final class ScriptedHandler: ChannelInboundHandler {
    typealias InboundIn = HTTPServerRequestPart
    typealias OutboundOut = HTTPServerResponsePart

    private let server: ScriptedStore
    private var head: HTTPRequestHead?
    private var body = ByteBuffer()
    private var move = ScriptedStore.Move.drop

    init(_ server: ScriptedStore) { self.server = server }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        switch unwrapInboundIn(data) {
        case .head(let head):
            self.head = head
            body.clear()
            move = server.nextMove()
            atHead(context)
        case .body(var part): body.writeBuffer(&part)
        case .end: atEnd(context)
        }
    }

    private func atHead(_ context: ChannelHandlerContext) {
        switch move {
        case .dropAtHead:
            record()
            context.close(promise: nil)
        case .answerAtHead(let status, let headers, let text):
            record()
            send(context, status, headers + [("connection", "close")], text, announced: text.utf8.count)
            context.close(promise: nil)
        case .stopReading:
            record()
            _ = context.channel.setOption(.autoRead, value: false)
        default: break
        }
    }

    private func atEnd(_ context: ChannelHandlerContext) {
        switch move {
        case .answer(let status, let headers, let text):
            record()
            send(context, status, headers, text, announced: text.utf8.count)
        case .cutAnswer(let announced, let text):
            record()
            send(context, 200, [], text, announced: announced, ends: false)
            context.close(promise: nil)
        case .stallInAnswer(let announced, let text):
            record()
            send(context, 200, [], text, announced: announced, ends: false)
        case .drop:
            record()
            context.close(promise: nil)
        case .silence: record()
        case .dropAtHead, .answerAtHead, .stopReading: break
        }
    }

    private func record() {
        guard let head else { return }
        server.record(.init(method: head.method, uri: head.uri, headers: head.headers, body: body))
    }

    private func send(
        _ context: ChannelHandlerContext,
        _ status: Int,
        _ headers: [(String, String)],
        _ text: String,
        announced: Int,
        ends: Bool = true
    ) {
        var fields = HTTPHeaders(headers)
        fields.add(name: "content-length", value: String(announced))
        let head = HTTPResponseHead(version: .http1_1, status: .init(statusCode: status), headers: fields)
        context.write(wrapOutboundOut(.head(head)), promise: nil)
        if self.head?.method != .HEAD {
            context.write(wrapOutboundOut(.body(.byteBuffer(ByteBuffer(string: text)))), promise: nil)
        }
        if ends { context.write(wrapOutboundOut(.end(nil)), promise: nil) }
        context.flush()
    }
}
