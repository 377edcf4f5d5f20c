/// The life of one HTTP/1 connection as the event loop sees it. No I/O: each event answers what to do.
///
/// Requests are in `requests` from their head until their response has ended, so a pipelining client may have several:
/// the first is being answered, the last may still be arriving.
struct ConnectionState {
    /// Facts about a request that decide what may follow its response.
    struct RequestFacts: Equatable {
        var isKeepAlive: Bool
        var isVersion10: Bool
        /// `Expect: 100-continue`, and neither 100 nor a byte of the body seen yet.
        var isAwaitingContinue: Bool
        /// Bytes still to come; nil when chunked.
        var remaining: Int64?
        var isComplete = false
    }

    enum Mode: Equatable {
        case serving
        /// The response is out, the rest of a short body is dropped, then the next request follows.
        case draining(left: Int64)
        /// The response is out and was the last; input is dropped until the client hangs up or time is over.
        case lingering
        case closed
    }

    let drainByteLimit: Int64
    private(set) var mode = Mode.serving
    private(set) var requests: [RequestFacts] = []
    private(set) var isStopping = false
    private(set) var willClose = false
    /// The inbound side failed (stall, malformed bytes): whatever is answered now is the last.
    private(set) var hasFailed = false

    /// True while a body is arriving that we asked for.
    var isReceivingBody: Bool {
        guard let last = requests.last, !last.isComplete else { return false }
        return !last.isAwaitingContinue
    }

    var isAwaitingHead: Bool { requests.last?.isComplete ?? true }
    var isIdle: Bool { requests.isEmpty && mode == .serving }

    mutating func received(head: RequestFacts) {
        requests.append(head)
    }

    enum BodyAction: Equatable { case pass, drop, dropAndLinger }

    mutating func received(bodyBytes count: Int) -> BodyAction {
        if var last = requests.last, !last.isComplete {
            last.isAwaitingContinue = false
            last.remaining = last.remaining.map { max(0, $0 - Int64(count)) }
            requests[requests.count - 1] = last
        }
        switch mode {
        case .serving: return .pass
        case .lingering, .closed: return .drop
        case .draining(let left):
            guard left >= count else {
                mode = .lingering
                return .dropAndLinger
            }
            mode = .draining(left: left - Int64(count))
            return .drop
        }
    }

    /// True when the part is to be passed on.
    mutating func receivedEnd() -> Bool {
        switch mode {
        case .serving:
            if !requests.isEmpty { requests[requests.count - 1].isComplete = true }
            return true
        case .draining:
            mode = .serving
            return true
        case .lingering, .closed:
            return false
        }
    }

    /// The interim answer 100 is going out.
    mutating func sentContinue() {
        guard !requests.isEmpty else { return }
        requests[0].isAwaitingContinue = false
    }

    /// Decides what the head of a final response says about the connection.
    ///
    /// - Returns: the value of the `Connection` field, or nil when none is needed.
    mutating func sendingHead(isCloseAsked: Bool) -> String? {
        guard let request = requests.first else {
            // An answer to something that never became a request, such as a malformed head.
            willClose = true
            return "close"
        }
        willClose = isCloseAsked || isStopping || hasFailed || !request.isKeepAlive || mustClose(request)
        if willClose { return "close" }
        return request.isVersion10 ? "keep-alive" : nil
    }

    private func mustClose(_ request: RequestFacts) -> Bool {
        guard !request.isComplete else { return false }
        // The client may or may not send the body now: what follows cannot be told from a request.
        if request.isAwaitingContinue { return true }
        return (request.remaining ?? 0) > drainByteLimit
    }

    enum EndAction: Equatable { case proceed, close, linger, drain }

    mutating func sentEnd() -> EndAction {
        let request = requests.isEmpty ? nil : requests.removeFirst()
        let isComplete = request?.isComplete ?? false
        guard !willClose else {
            mode = isComplete && requests.isEmpty ? .closed : .lingering
            return mode == .closed ? .close : .linger
        }
        guard !isComplete else { return .proceed }
        mode = .draining(left: drainByteLimit)
        return .drain
    }

    /// The server is going away: true when the connection can end at once.
    mutating func stop() -> Bool {
        isStopping = true
        return isIdle
    }

    mutating func failed() { hasFailed = true }

    /// Nobody reads requests any more. True when input has to be dropped for a while before closing.
    mutating func finish() -> Bool {
        switch mode {
        case .closed, .lingering: return mode == .lingering
        case .serving, .draining:
            let isMidRequest = !isAwaitingHead || mode != .serving || hasFailed
            mode = isMidRequest ? .lingering : .closed
            return isMidRequest
        }
    }
}
