/// A saga is a list. Reading the list is reading the saga.
///
/// Order: compensatable steps, then the pivot, then retriable steps. Before the pivot a failure unwinds what
/// was done; after it the saga only goes forward. A saga of retriable steps alone has its pivot in the
/// transaction that stores it.
///
/// Source: Garcia-Molina and Salem, "Sagas", SIGMOD 1987; step kinds as in Chris Richardson,
/// "Microservices Patterns", chapter 4.
public struct Saga<Context: Sendable>: Sendable {
    /// Name and version, for example `upload.v1`: a stored saga is only ever continued by the same list.
    public let kind: String
    public let steps: [Step<Context>]

    /// - Throws: `MalformedSaga` when the steps are out of order or a name repeats.
    public init(_ kind: String, _ steps: [Step<Context>]) throws(MalformedSaga) {
        let order = steps.map { step in
            switch step.kind {
            case .compensatable: 0
            case .pivot: 1
            case .retriable: 2
            }
        }
        guard order == order.sorted(), order.count(where: { $0 == 1 }) == (order.first == 2 ? 0 : 1) else {
            throw MalformedSaga(reason: "\(kind): the order must be compensatable*, pivot, retriable*")
        }
        guard Set(steps.map(\.name)).count == steps.count else {
            throw MalformedSaga(reason: "\(kind): a step's name repeats")
        }
        self.kind = kind
        self.steps = steps
    }
}

public struct MalformedSaga: Error, Equatable, Sendable { public let reason: String }

/// One step. It is run at least once, so running it twice must have one effect.
public struct Step<Context: Sendable>: Sendable {
    public typealias Action = @Sendable (Context, StepHandle) async throws(StepFailure) -> StepReceipt

    public enum Kind: Sendable {
        /// May be undone. `undo` must be safe to run twice, and safe when `run` did nothing;
        /// nil says that there is nothing to undo.
        case compensatable(undo: Action?)
        /// The point of no return. Must record itself in the transaction of its effect.
        case pivot
        /// Runs again until it succeeds.
        case retriable
    }

    public let name: String
    public let kind: Kind
    public let run: Action

    public init(_ name: String, _ kind: Kind, run: @escaping Action) {
        self.name = name
        self.kind = kind
        self.run = run
    }
}

/// How a step that succeeded was recorded.
public enum StepReceipt: Sendable {
    /// In the step's own transaction, by `StepHandle.record(in:)`.
    case recorded
    /// Not yet: the engine does it now. The step runs again if the process dies before.
    case unrecorded
    /// Not at all: the next step's record covers it. Until then the step counts as not done.
    case deferred
}

/// Why a step did not succeed.
public enum StepFailure: Error, Equatable, Sendable {
    /// It did not happen and never will: unwind, or, after the pivot, keep trying and raise the alarm.
    case definite(String)
    /// It may have happened or may succeed later: look and try again after a pause.
    case transient(String)
    /// There is nothing to do before that much time has passed or somebody wakes the saga.
    case waiting(Duration)
    /// Another process has claimed the saga. Stop without a trace.
    case lost
}
