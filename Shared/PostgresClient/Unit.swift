/// What a connection does between being asked and having answered.
struct Unit {
    enum Work: Sendable {
        /// Statements of one pipeline, ended by one Sync: without BEGIN they succeed or fail together.
        case pipeline([BoundStatement])
        /// SQL text of several statements without parameters; outside pipeline mode.
        case script(String)
        /// COPY … FROM STDIN and its whole input.
        case copy(Statement, [UInt8])
    }

    /// What one answer in a pipeline belongs to.
    enum Step {
        case prepare(Statement, name: String)
        case execute(Statement)
    }

    let id: UInt64
    let work: Work
    let deadline: Duration
    let continuation: CheckedContinuation<Result<[ResultHandle], DatabaseError>, Never>
    var steps: [Step] = []
    var stepIndex = 0
    var results: [ResultHandle] = []
    /// The first refusal; later statements of a pipeline only say that they were skipped.
    var failure: DatabaseError?
    var copiedByteCount = 0
    var isCopying = false
    var isCopyEnded = false

    init(
        id: UInt64,
        work: Work,
        deadline: Duration,
        continuation: CheckedContinuation<Result<[ResultHandle], DatabaseError>, Never>
    ) {
        self.id = id
        self.work = work
        self.deadline = deadline
        self.continuation = continuation
    }

    /// While this holds libpq answers only "go on sending".
    var isSendingCopy: Bool { isCopying && !isCopyEnded }

    var outcome: Result<[ResultHandle], DatabaseError> { failure.map { .failure($0) } ?? .success(results) }
}
