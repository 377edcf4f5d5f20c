import Synchronization

/// Passes values from one task to another, one at a time: the sender goes on when its value was taken.
///
/// This is where back-pressure comes from. Ends when the sender finishes it, or when either side is cancelled or leaves.
final class Handoff<Element: Sendable>: Sendable {
    private enum State {
        case idle
        /// A value waits to be taken.
        case offered(Element, CheckedContinuation<Bool, Never>)
        case awaited(CheckedContinuation<Element?, any Error>)
        case finished((any Error)?)
    }

    private let state = Mutex<State>(.idle)

    /// True when the value was taken, false when nobody will take it any more.
    func send(_ element: Element) async -> Bool {
        await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                let resume: (() -> Void)? = state.withLock { state in
                    switch state {
                    case .idle:
                        state = .offered(element, continuation)
                        return nil
                    case .awaited(let receiver):
                        state = .idle
                        return {
                            receiver.resume(returning: element)
                            continuation.resume(returning: true)
                        }
                    case .offered, .finished:
                        return { continuation.resume(returning: false) }
                    }
                }
                resume?()
            }
        } onCancel: {
            finish(CancellationError())
        }
    }

    /// Nil after the last value.
    func next() async throws -> Element? {
        try await withTaskCancellationHandler {
            try await withCheckedThrowingContinuation { continuation in
                let resume: (() -> Void)? = state.withLock { state in
                    switch state {
                    case .idle:
                        state = .awaited(continuation)
                        return nil
                    case .offered(let element, let sender):
                        state = .idle
                        return {
                            sender.resume(returning: true)
                            continuation.resume(returning: element)
                        }
                    case .awaited:
                        return { continuation.resume(throwing: CancellationError()) }
                    case .finished(let error):
                        return { Self.end(continuation, error) }
                    }
                }
                resume?()
            }
        } onCancel: {
            finish(CancellationError())
        }
    }

    /// The first call decides; later ones change nothing. A value not yet taken is dropped.
    func finish(_ error: (any Error)? = nil) {
        let resume: (() -> Void)? = state.withLock { state in
            switch state {
            case .finished: return nil
            case .idle:
                state = .finished(error)
                return nil
            case .offered(_, let sender):
                state = .finished(error)
                return { sender.resume(returning: false) }
            case .awaited(let receiver):
                state = .finished(error)
                return { Self.end(receiver, error) }
            }
        }
        resume?()
    }

    private static func end(_ receiver: CheckedContinuation<Element?, any Error>, _ error: (any Error)?) {
        if let error { receiver.resume(throwing: error) } else { receiver.resume(returning: nil) }
    }
}

extension Handoff: AsyncSequence {
    struct Iterator: AsyncIteratorProtocol {
        let handoff: Handoff
        func next() async throws -> Element? { try await handoff.next() }
    }

    func makeAsyncIterator() -> Iterator { Iterator(handoff: self) }
}
