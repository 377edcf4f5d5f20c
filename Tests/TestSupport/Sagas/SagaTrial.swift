public import PostgresClient
public import SagaEngine
internal import Synchronization

public import struct FoundationEssentials.UUID

/// Puts any saga to the generic tests: it fails at every node, every do runs twice, every undo runs twice, the
/// process dies at every node, and another process overtakes at every node.
///
/// Each run begins a fresh saga, disturbs it once, lets recovering processes drive it until its row is gone,
/// and then asks `check` whether the world is as it must be. Needs a schema of its own.
///
/// Source: generic saga tests of oxidecomputer/omicron (`nexus/test_utils`, "action failure can unwind").
public struct SagaTrial<Context: Sendable>: Sendable {
    /// A saga that has just been stored, with the claim of the process that stored it.
    public struct Begun: Sendable {
        let claim: SagaClaim
        let context: Context

        public init(claim: SagaClaim, context: Context) {
            self.claim = claim
            self.context = context
        }
    }

    /// What one run came to.
    public struct Outcome: Sendable {
        public let subject: UUID
        /// `.completed` or `.compensated`; nil when the process that ended the saga did not live to tell, or
        /// somebody else removed the row.
        public let end: SagaEnd?
        public let node: SagaNode
        public let disturbance: SagaDisturbance
    }

    let saga: Saga<Context>
    let pool: PostgresPool
    let begin: @Sendable () async throws -> Begun
    let resume: @Sendable (SagaClaim) async throws -> Context
    let answer: @Sendable (UUID) async throws -> Void
    let check: @Sendable (Outcome) async throws -> Void

    /// - Parameters:
    ///   - begin: stores a new saga with a new subject, as the service does it.
    ///   - resume: the context in a process that takes the saga over.
    ///   - answer: what the outside world does between two rounds, for sagas that wait for it.
    ///   - check: throws when the world is not as it must be after `Outcome`.
    public init(
        _ saga: Saga<Context>,
        pool: PostgresPool,
        begin: @escaping @Sendable () async throws -> Begun,
        resume: @escaping @Sendable (SagaClaim) async throws -> Context,
        answer: @escaping @Sendable (UUID) async throws -> Void = { _ in },
        check: @escaping @Sendable (Outcome) async throws -> Void
    ) {
        self.saga = saga
        self.pool = pool
        self.begin = begin
        self.resume = resume
        self.answer = answer
        self.check = check
    }

    /// Every node refused for good (unwinds before the pivot), or in trouble for a while, before and after its effect.
    /// - Returns: how many runs there were.
    @discardableResult
    public func failAtEachNode() async throws -> Int {
        try await run(
            [.refusedBefore, .refusedAfter, .troubledBefore, .troubledAfter],
            at: SagaNode.all(of: saga)
        )
    }

    /// Every step acts twice in a row.
    @discardableResult
    public func everyDoTwice() async throws -> Int {
        try await run([.twice], at: SagaNode.all(of: saga).filter { !$0.isUndo })
    }

    /// Every compensation acts twice in a row.
    @discardableResult
    public func everyUndoTwice() async throws -> Int {
        try await run([.twice], at: SagaNode.all(of: saga).filter(\.isUndo))
    }

    /// The process dies just before and just after every node's effect.
    @discardableResult
    public func dieAtEachNode() async throws -> Int {
        try await run([.diedBefore, .diedAfter], at: SagaNode.all(of: saga))
    }

    /// At every node the process stalls, another drives the saga to its end, and the first one goes on.
    @discardableResult
    public func overtakeAtEachNode() async throws -> Int {
        try await run([.overtaken], at: SagaNode.all(of: saga))
    }

    private func run(_ disturbances: [SagaDisturbance], at nodes: [SagaNode]) async throws -> Int {
        var count = 0
        for node in nodes {
            for disturbance in disturbances where disturbance.applies(to: node, of: saga) {
                do { try await run(disturbance, at: node) } catch {
                    throw SagaTrialFailure(
                        saga: saga.kind,
                        node: node,
                        disturbance: disturbance,
                        reason: "\(error)"
                    )
                }
                count += 1
            }
        }
        return count
    }
}

/// A run of a trial that did not end as it must.
public struct SagaTrialFailure: Error, CustomStringConvertible {
    let saga: String
    let node: SagaNode
    let disturbance: SagaDisturbance
    let reason: String

    public var description: String { "\(saga), \(node), \(disturbance): \(reason)" }
}
