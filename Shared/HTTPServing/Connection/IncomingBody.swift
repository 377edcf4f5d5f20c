import HTTPTypes
import NIOCore
import NIOHTTP1
import NIOHTTPTypes
import Synchronization

/// Why a request body could not be read to its end.
public enum RequestBodyFailure: Error, Equatable, Sendable {
    /// The client hung up before the end: what was read is a fragment.
    case disconnected
    /// No byte for `ConnectionLimits.bodyStallTimeout`.
    case stalled
    /// The bytes break the protocol, for example a broken chunk.
    case malformed
    /// Read after the handler had returned, or by two tasks at once.
    case abandoned
}

/// The body of one request: bytes in order, one reader at a time. The first read sends `100 Continue` when asked for.
///
/// Nothing is buffered here: unread bytes stay in the connection, and the client waits.
final class IncomingBody: @unchecked Sendable {
    // Sendable because `parts` is touched only by the task that moved `phase` to `.reading`, one at a time.
    typealias Parts = NIOAsyncChannelInboundStream<HTTPRequestPart>.AsyncIterator

    private enum Phase {
        case idle
        case reading(whenDone: CheckedContinuation<Void, Never>?)
        case ended
        case failed(RequestBodyFailure)
    }

    private struct State {
        var phase = Phase.idle
        var isRevoked = false
        var byteCount: Int64 = 0
        var isContinueDue: Bool
    }

    private let parts: Parts
    private let state: Mutex<State>
    private let sendContinue: @Sendable () async throws -> Void

    init(parts: Parts, isContinueDue: Bool, sendContinue: @escaping @Sendable () async throws -> Void) {
        self.parts = parts
        self.sendContinue = sendContinue
        state = Mutex(State(isContinueDue: isContinueDue))
    }

    /// Bytes handed to the reader so far.
    var byteCount: Int64 { state.withLock { $0.byteCount } }

    var failure: RequestBodyFailure? {
        state.withLock { state in
            if case .failed(let failure) = state.phase { failure } else { nil }
        }
    }

    /// A final response goes out: the client must not be told to continue any more.
    func revokeContinue() { state.withLock { $0.isContinueDue = false } }

    /// The next bytes, or nil at the end. After a failure every call throws it again.
    func next() async throws(RequestBodyFailure) -> ByteBuffer? {
        guard let isContinueDue = try begin() else { return nil }
        let outcome = await read(continuing: isContinueDue)
        return try finish(outcome)
    }

    private enum Outcome {
        case bytes(ByteBuffer)
        case end
        case failure(RequestBodyFailure)
    }

    /// Nil when the end was already reached.
    private func begin() throws(RequestBodyFailure) -> Bool? {
        let result: Result<Bool?, RequestBodyFailure> = state.withLock { state in
            guard !state.isRevoked else { return .failure(.abandoned) }
            switch state.phase {
            case .ended: return .success(nil)
            case .failed(let failure): return .failure(failure)
            case .reading: return .failure(.abandoned)
            case .idle:
                state.phase = .reading(whenDone: nil)
                defer { state.isContinueDue = false }
                return .success(state.isContinueDue)
            }
        }
        return try result.get()
    }

    private func read(continuing isContinueDue: Bool) async -> Outcome {
        do {
            if isContinueDue { try await sendContinue() }
            var parts = parts
            switch try await parts.next() {
            case .body(let bytes): return .bytes(bytes)
            case .end: return .end
            case .head: return .failure(.malformed)
            // The stream ends without the body's end when the connection does, or when this task is cancelled.
            case nil: return .failure(.disconnected)
            }
        } catch {
            return .failure(RequestBodyFailure(error))
        }
    }

    private func finish(_ outcome: Outcome) throws(RequestBodyFailure) -> ByteBuffer? {
        let (waiter, isRevoked) = state.withLock { state in
            var waiter: CheckedContinuation<Void, Never>?
            if case .reading(let whenDone) = state.phase { waiter = whenDone }
            switch outcome {
            case .bytes(let bytes):
                state.phase = .idle
                state.byteCount += Int64(bytes.readableBytes)
            case .end: state.phase = .ended
            case .failure(let failure): state.phase = .failed(failure)
            }
            return (waiter, state.isRevoked)
        }
        waiter?.resume()
        if isRevoked { throw .abandoned }
        switch outcome {
        case .failure(let failure): throw failure
        case .bytes(let bytes): return bytes
        case .end: return nil
        }
    }

    /// Takes the body back after the handler returned, even from a task it left behind, and reads on to the end.
    ///
    /// - Returns: false when the connection can bring no further request.
    func skipToEnd() async -> Bool {
        await revoke()
        while true {
            switch state.withLock({ $0.phase }) {
            case .ended: return true
            case .failed, .reading: return false
            case .idle: _ = try? finish(await read(continuing: false))
            }
        }
    }

    private func revoke() async {
        await withCheckedContinuation { continuation in
            let isFree = state.withLock { state in
                state.isRevoked = true
                guard case .reading = state.phase else { return true }
                state.phase = .reading(whenDone: continuation)
                return false
            }
            if isFree { continuation.resume() }
        }
    }
}

extension RequestBodyFailure {
    init(_ error: any Error) {
        switch error {
        case let failure as RequestBodyFailure: self = failure
        case ConnectionFailure.bodyStalled: self = .stalled
        case HTTPParserError.invalidEOFState: self = .disconnected
        case is HTTPParserError: self = .malformed
        default: self = .disconnected
        }
    }
}

/// What a handler sees as `request.body`.
struct IncomingBodySequence: AsyncSequence, Sendable {
    typealias Element = ByteBuffer
    let body: IncomingBody

    struct AsyncIterator: AsyncIteratorProtocol {
        let body: IncomingBody
        mutating func next() async throws -> ByteBuffer? { try await body.next() }
    }

    func makeAsyncIterator() -> AsyncIterator { AsyncIterator(body: body) }
}
