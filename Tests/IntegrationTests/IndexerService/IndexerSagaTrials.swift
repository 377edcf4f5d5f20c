import EventContracts
import Foundation
import PostgresClient
import SagaEngine
import Synchronization
import TestSupport
import Testing

@testable import IndexerService

/// The generic saga tests on both sagas: every do twice, trouble, death and overtaking at each node.
@Suite("Both sagas of the indexer stand the generic trials", .timeLimit(.minutes(3)))
struct IndexerSagaTrials {
    private struct Wrong: Error { let what: String }

    private func indexTrial(_ world: IndexerWorld) throws -> SagaTrial<IndexSaga.Order> {
        let number = Mutex(0)
        return SagaTrial(
            try world.index.steps(),
            pool: world.pool,
            begin: {
                let story = FileStory(
                    number.withLock {
                        $0 += 1; return $0
                    },
                    content: "needle"
                )
                try await world.put(story.objectKey, story.content)
                try await world.apply(story.stored())
                let claim = try #require(try await world.claimDue(IndexSaga.kind).first)
                return .init(claim: claim, context: try IndexSaga.Order(claim))
            },
            resume: IndexSaga.Order.init,
            check: { outcome in
                let answers = try await world.answers().filter { $0.fileID == outcome.subject }
                guard answers.map(\.type) == [.fileIndexed] else { throw Wrong(what: "\(answers)") }
                guard try await world.document(outcome.subject)?.indexState == "INDEXED" else {
                    throw Wrong(what: "not indexed")
                }
            }
        )
    }

    private func removalTrial(_ world: IndexerWorld, isPurge: Bool) throws -> SagaTrial<RemovalSaga.Order> {
        let number = Mutex(1_000)
        return SagaTrial(
            try world.removal.steps(),
            pool: world.pool,
            begin: {
                let story = FileStory(
                    number.withLock {
                        $0 += 1; return $0
                    }
                )
                try await world.put(story.objectKey, "to go")
                try await world.apply(isPurge ? story.purging(3) : story.discarded())
                let claim = try #require(try await world.claimDue(RemovalSaga.kind).first)
                return .init(claim: claim, context: try RemovalSaga.Order(claim))
            },
            resume: RemovalSaga.Order.init,
            check: { outcome in
                let answers = try await world.answers().filter { $0.fileID == outcome.subject }
                guard answers.map(\.type) == [isPurge ? .fileBytesRemoved : .uploadBytesRemoved] else {
                    throw Wrong(what: "\(answers)")
                }
                let key = try await world.pool.query(Self.key, outcome.subject).first?.text(0)
                guard let key, try await world.isAbsent(key) else {
                    throw Wrong(what: "the object is still there")
                }
            }
        )
    }

    private static let key: Statement = "SELECT object_key FROM removals WHERE file_id = $1"

    private func withEachTrial(_ run: (any AnyTrial) async throws -> Int) async throws {
        // No time to wait for: the trial drives at once.
        try await IndexerWorld.with(late: .milliseconds(1)) { world in
            try await expectRuns(run, try indexTrial(world))
            try await expectRuns(run, try removalTrial(world, isPurge: true))
        }
        try await IndexerWorld.with(late: .milliseconds(1)) { world in
            try await expectRuns(run, try removalTrial(world, isPurge: false))
        }
    }

    private func expectRuns(_ run: (any AnyTrial) async throws -> Int, _ trial: any AnyTrial) async throws {
        let count = try await run(trial)
        #expect(count > 0)
    }

    @Test func failingAtEachNode() async throws { try await withEachTrial { try await $0.failAtEachNode() } }
    @Test func everyDoTwice() async throws { try await withEachTrial { try await $0.everyDoTwice() } }
    @Test func dyingAtEachNode() async throws { try await withEachTrial { try await $0.dieAtEachNode() } }
    @Test func beingOvertakenAtEachNode() async throws {
        try await withEachTrial { try await $0.overtakeAtEachNode() }
    }
}

private protocol AnyTrial {
    func failAtEachNode() async throws -> Int
    func everyDoTwice() async throws -> Int
    func dieAtEachNode() async throws -> Int
    func overtakeAtEachNode() async throws -> Int
}

extension SagaTrial: AnyTrial {}
