internal import SagaEngine

/// One action of a saga: a step, or its compensation.
public struct SagaNode: Equatable, Sendable, CustomStringConvertible {
    public let step: Int
    public let name: String
    public let isUndo: Bool

    public var description: String { "\(isUndo ? "undo of" : "step") \(name)" }

    static func all<Context>(of saga: Saga<Context>) -> [SagaNode] {
        saga.steps.enumerated().flatMap { index, step in
            let node = SagaNode(step: index, name: step.name, isUndo: false)
            guard case .compensatable(.some) = step.kind else { return [node] }
            return [node, SagaNode(step: index, name: step.name, isUndo: true)]
        }
    }
}

/// What happens to one node, once.
public enum SagaDisturbance: Sendable {
    /// Refused for good; the action did not run.
    case refusedBefore
    /// The action ran, and then it was refused for good.
    case refusedAfter
    /// In trouble for a while; the action did not run.
    case troubledBefore
    /// The action ran, but nobody knows.
    case troubledAfter
    case diedBefore, diedAfter
    case twice
    /// While the process stalls here another one drives the saga to its end.
    case overtaken

    func applies<Context>(to node: SagaNode, of saga: Saga<Context>) -> Bool {
        switch self {
        case .refusedBefore: !node.isUndo
        case .refusedAfter: !node.isUndo && saga.isCompensatable(node.step)
        case .troubledBefore, .troubledAfter, .diedBefore, .diedAfter, .twice, .overtaken: true
        }
    }

    /// Whether the saga must unwind.
    func mustUnwind<Context>(_ saga: Saga<Context>, at node: SagaNode) -> Bool {
        switch self {
        case .refusedBefore, .refusedAfter: node.isUndo || !saga.isRetriable(node.step)
        case .troubledBefore, .troubledAfter, .diedBefore, .diedAfter, .twice, .overtaken: node.isUndo
        }
    }
}

extension Saga {
    func isCompensatable(_ index: Int) -> Bool {
        if case .compensatable = steps[index].kind { return true }
        return false
    }

    func isRetriable(_ index: Int) -> Bool {
        if case .retriable = steps[index].kind { return true }
        return false
    }

    var pivotIndex: Int? { steps.firstIndex { if case .pivot = $0.kind { true } else { false } } }
}
