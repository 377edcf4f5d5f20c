import Synchronization

/// Passes values from one task to another. The sender goes on while there is room, the receiver while there is something: two that
/// keep pace do not wait for each other.
///
/// This is where back-pressure comes from. Ends when the sender finishes it, or when either side is cancelled or leaves.
final class Handoff<Element: Sendable>: Sendable {
    /// A sender that waits until there is room for its value or, without one, until everything was taken.
    private struct Sender {
        let element: Element?
        let answer: CheckedContinuation<Bool, Never>
    }
    private struct State {
        var queue: [Element] = []
        var sender: Sender?
        var receiver: CheckedContinuation<Element?, any Error>?
        /// How it ended, once it has.
        var end: Result<Void, any Error>?
    }

    private let capacity: Int
    private let state = Mutex(State())

    /// - Parameter capacity: so many values wait to be taken while the sender goes on; with 0 it goes on when its value was taken.
    init(capacity: Int = 0) { self.capacity = capacity }

    /// Whether a sender waits.
    var isFull: Bool { state.withLock { $0.sender != nil } }

    /// True when the value will be taken unless the receiver leaves, false when nobody will take it any more.
    func send(_ element: Element) async -> Bool { await pass(element) }

    /// True when everything sent was taken.
    func isTaken() async -> Bool { await pass(nil) }

    private func pass(_ element: Element?) async -> Bool {
        if !Task.isCancelled, let answer = state.withLock({ pass(element, &$0) }) { return answer }
        return await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                let answer = state.withLock { state in
                    let answer = pass(element, &state)
                    if answer == nil { state.sender = Sender(element: element, answer: continuation) }
                    return answer
                }
                if let answer { continuation.resume(returning: answer) }
            }
        } onCancel: {
            finish(CancellationError())
        }
    }

    /// Nil when it has to wait.
    private func pass(_ element: Element?, _ state: inout State) -> Bool? {
        guard state.end == nil, state.sender == nil else { return false }
        guard let element else { return state.queue.isEmpty ? true : nil }
        if let receiver = state.receiver.take() {
            receiver.resume(returning: element)
        } else if state.queue.count < capacity {
            state.queue.append(element)
        } else {
            return nil
        }
        return true
    }

    /// Nil after the last value.
    func next() async throws -> Element? {
        if !Task.isCancelled, let value = state.withLock({ take(&$0) }) { return try value.get() }
        return try await withTaskCancellationHandler {
            try await withCheckedThrowingContinuation { continuation in
                let value = state.withLock { state in
                    let value = take(&state)
                    if value == nil { state.receiver = continuation }
                    return value
                }
                if let value { continuation.resume(with: value) }
            }
        } onCancel: {
            finish(CancellationError())
        }
    }

    /// Nil when there is nothing yet.
    private func take(_ state: inout State) -> Result<Element?, any Error>? {
        guard state.receiver == nil else { return .failure(CancellationError()) }
        var first = state.queue.isEmpty ? nil : state.queue.removeFirst()
        if let sender = state.sender, sender.element != nil || state.queue.isEmpty {
            state.sender = nil
            sender.answer.resume(returning: true)
            if first == nil {
                first = sender.element
            } else if let next = sender.element {
                state.queue.append(next)
            }
        }
        return first.map { .success($0) } ?? state.end?.map { _ in nil }
    }

    /// The first call decides; later ones change nothing. With an error, values not yet taken are dropped.
    func finish(_ error: (any Error)? = nil) {
        state.withLock { state in
            guard state.end == nil else { return }
            state.end = error.map { .failure($0) } ?? .success(())
            if error != nil { state.queue = [] }
            state.sender.take()?.answer.resume(returning: false)
            if let end = state.end { state.receiver.take()?.resume(with: end.map { _ in nil }) }
        }
    }
}

extension Handoff: AsyncSequence {
    struct Iterator: AsyncIteratorProtocol {
        let handoff: Handoff
        func next() async throws -> Element? { try await handoff.next() }
    }

    func makeAsyncIterator() -> Iterator { Iterator(handoff: self) }
}
