import AccessTokens
public import Correlation
import HTTPTypes
import Synchronization

/// One request and its response: what is known about it while it lasts, for the log line and the metrics at its end.
public final class Exchange: Sendable {
    /// Valid `X-Request-Id` of the client, or ours. In every log line and every response.
    public let requestID: String
    /// The client's, when it sent a well-formed `traceparent`; else a new one.
    public let trace: TraceContext
    let method: String
    /// Path without query.
    let path: String
    let peer: String
    let startedAt: Duration
    let body: IncomingBody?
    let executor: ConnectionExecutor?

    private struct State {
        var caller: Caller?
        var route = "unmatched"
        var errorCode: String?
        var sentByteCount: Int64 = 0
        var isHeadDue = true
        var isFinished = false
    }

    private let state = Mutex(State())

    init(
        requestID: String,
        trace: TraceContext,
        method: String,
        path: String,
        peer: String,
        startedAt: Duration,
        body: IncomingBody?,
        executor: ConnectionExecutor? = nil
    ) {
        self.requestID = requestID
        self.trace = trace
        self.method = method
        self.path = path
        self.peer = peer
        self.startedAt = startedAt
        self.body = body
        self.executor = executor
    }

    var caller: Caller? {
        get { state.withLock { $0.caller } }
        set { state.withLock { $0.caller = newValue } }
    }

    /// The route's template: few values, unlike the path.
    var route: String {
        get { state.withLock { $0.route } }
        set { state.withLock { $0.route = newValue } }
    }

    var errorCode: String? {
        get { state.withLock { $0.errorCode } }
        set { state.withLock { $0.errorCode = newValue } }
    }

    var receivedByteCount: Int64 { body?.byteCount ?? 0 }
    var sentByteCount: Int64 { state.withLock { $0.sentByteCount } }
    var isFinished: Bool { state.withLock { $0.isFinished } }

    func addSent(_ count: Int) -> Int64 {
        state.withLock { state in
            state.sentByteCount += Int64(count)
            return state.sentByteCount
        }
    }

    /// True exactly once: for whoever has to send the head.
    func takeHeadDue() -> Bool {
        state.withLock { state in
            defer { state.isHeadDue = false }
            return state.isHeadDue
        }
    }

    func markFinished() { state.withLock { $0.isFinished = true } }
}
