/// One line of a saga's log.
public enum SagaEntry: Equatable, Sendable {
    case started(Int), succeeded(Int), failed(Int), undone(Int)

    /// As it is stored: the word and the number of the step, for example `succeeded 0`.
    public var text: String {
        switch self {
        case .started(let step): "started \(step)"
        case .succeeded(let step): "succeeded \(step)"
        case .failed(let step): "failed \(step)"
        case .undone(let step): "undone \(step)"
        }
    }

    public init?(text: String) {
        let words = text.split(separator: " ")
        guard words.count == 2, let step = Int(words[1]), step >= 0 else { return nil }
        switch words[0] {
        case "started": self = .started(step)
        case "succeeded": self = .succeeded(step)
        case "failed": self = .failed(step)
        case "undone": self = .undone(step)
        default: return nil
        }
    }
}

/// What to do next.
public enum SagaPlan: Equatable, Sendable {
    case run(Int), undo(Int), completed, compensated
    /// The log names a step this program does not know. Somebody newer wrote it; leave it alone.
    case unreadable
}

extension Saga {
    /// A pure function of the log, so that a crash at any moment is a replay.
    public func plan(after log: [SagaEntry]) -> SagaPlan {
        var reached = 0
        var isUnwinding = false
        var toUndo: [Int] = []
        for entry in log {
            switch entry {
            case .started(let index):
                guard steps.indices.contains(index) else { return .unreadable }
                if hasUndo(index), !toUndo.contains(index) { toUndo.append(index) }
            case .succeeded(let index):
                guard steps.indices.contains(index) else { return .unreadable }
                reached = max(reached, index + 1)
            case .failed(let index):
                guard steps.indices.contains(index) else { return .unreadable }
                // After the pivot a failure only means: again.
                if case .retriable = steps[index].kind { continue }
                isUnwinding = true
            case .undone(let index): toUndo.removeAll { $0 == index }
            }
        }
        if isUnwinding { return toUndo.last.map { .undo($0) } ?? .compensated }
        return reached < steps.count ? .run(reached) : .completed
    }

    /// Entries that follow `entry` in the same write, so that an effect is never ahead of its log: a step with
    /// an undo is `started` before it runs.
    func entries(recording entry: SagaEntry, after log: [SagaEntry]) -> [SagaEntry] {
        guard case .run(let next) = plan(after: log + [entry]), hasUndo(next),
            !log.contains(.started(next))
        else { return [entry] }
        return [entry, .started(next)]
    }

    private func hasUndo(_ index: Int) -> Bool {
        guard case .compensatable(let undo) = steps[index].kind else { return false }
        return undo != nil
    }
}
