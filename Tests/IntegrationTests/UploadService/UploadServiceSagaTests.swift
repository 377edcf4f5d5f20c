import EventContracts
import FaultPoints
import Foundation
import NIOCore
import PostgresClient
import SagaEngine
import TestSupport
import Testing

@testable import UploadService

@Suite("the upload saga survives failure, repetition, death and overtaking at every node")
struct UploadSagaTrialTests {
    @Test func failsAtEachNode() async throws { try await trial { try await $0.failAtEachNode() } }
    @Test func everyDoTwice() async throws { try await trial { try await $0.everyDoTwice() } }
    @Test func everyUndoTwice() async throws { try await trial { try await $0.everyUndoTwice() } }
    @Test func diesAtEachNode() async throws { try await trial { try await $0.dieAtEachNode() } }
    @Test func isOvertakenAtEachNode() async throws { try await trial { try await $0.overtakeAtEachNode() } }

    private func trial(_ run: (SagaTrial<UploadContext>) async throws -> Int) async throws {
        try await ServiceUnderTest.run {
            $0.hasWorker = false
        } _: { service in
            let receive = service.wiring.receive
            let trial = SagaTrial(
                try receive.saga.steps(),
                pool: service.pool,
                begin: {
                    let name = UUID().uuidString
                    let file = IncomingFile(
                        name: try FileName(name),
                        contentType: .octetStream,
                        declaredSHA256: nil,
                        source: UploadSource(length: 100_000, body: ErasedPattern(Pattern(count: 100_000)))
                    )
                    let upload = try receive.newUpload(file, of: Owner(tenant: "acme", name: "ann"))
                    let claim = try await receive.saga.begin(upload)
                    let arriving = ArrivingUpload(
                        upload,
                        file.source,
                        byteLimit: receive.byteLimit,
                        signOfLife: receive.heartbeat.makeSignOfLife()
                    )
                    return SagaTrial.Begun(claim: claim, context: UploadContext(arriving))
                },
                resume: { UploadContext(takenOver: try StoredUpload.decode($0.context)) },
                check: { outcome in
                    let state = try await service.pool.query(
                        "SELECT state FROM uploads WHERE id = $1",
                        outcome.subject
                    )
                    let isStored = try state.first?.text(0) == "COMPLETED"
                    if let end = outcome.end { #expect((end == .completed) == isStored, "\(outcome)") }
                }
            )
            #expect(try await run(trial) > 0)
            try await service.ledger.settle(within: .seconds(1))
            try await service.ledger.expectBytes(in: service.store)
            try await service.ledger.expectGoodKeysAndEvents()
        }
    }
}

@Suite("the delete saga survives failure, repetition, death and overtaking at every node")
struct DeleteSagaTrialTests {
    @Test func failsAtEachNode() async throws { try await trial { try await $0.failAtEachNode() } }
    @Test func everyDoTwice() async throws { try await trial { try await $0.everyDoTwice() } }
    @Test func diesAtEachNode() async throws { try await trial { try await $0.dieAtEachNode() } }
    @Test func isOvertakenAtEachNode() async throws { try await trial { try await $0.overtakeAtEachNode() } }

    private func trial(_ run: (SagaTrial<UUID>) async throws -> Int) async throws {
        try await ServiceUnderTest.run {
            $0.hasWorker = false
            $0.limits.removalPatience = .milliseconds(1)
        } _: { service in
            let trial = SagaTrial(
                try service.wiring.sagas.deletes.steps(),
                pool: service.pool,
                begin: {
                    let id = try #require(UUID(uuidString: try await service.upload(UUID().uuidString).id))
                    let owner = Owner(tenant: "acme", name: "ann")
                    _ = try await service.wiring.actions.delete(id, of: owner, isImmediate: true)
                    let claims = try await SagaStore.claimDue(
                        kinds: [DeleteSaga.kind],
                        owner: "begin",
                        leaseMilliseconds: 60_000,
                        limit: 1,
                        on: service.pool
                    )
                    return SagaTrial.Begun(claim: try #require(claims.first), context: id)
                },
                resume: { $0.subject },
                answer: { id in
                    let state = try await service.state(of: id)
                    guard state == "PURGING" else { return }
                    let text = id.uuidString.lowercased()
                    try await service.reply(
                        to: text,
                        version: 3,
                        .bytesRemoved(try await service.removedBytes(of: text))
                    )
                },
                check: { outcome in
                    let state = try await service.state(of: outcome.subject)
                    // Refused at its pivot, the saga ends with the file in the trash.
                    let isRefused = outcome.node.step == 0 && outcome.end == .compensated(reason: nil)
                    #expect(state == (isRefused ? "DELETED" : "PURGED") || state == "DELETED", "\(outcome)")
                    let history = try await service.ledger.history(
                        of: outcome.subject.uuidString.lowercased()
                    )
                    let once = history.reduce(into: [String]()) { if !$0.contains($1) { $0.append($1) } }
                    let whole = ["file.stored.1", "file.deleted.2", "file.purging.3", "file.purged.4"]
                    #expect(once == Array(whole.prefix(state == "PURGED" ? 4 : 2)), "\(outcome)")
                }
            )
            #expect(try await run(trial) > 0)
            try await service.ledger.expectGoodKeysAndEvents()
        }
    }
}

@Suite("the reap saga survives failure, repetition, death and overtaking at every node")
struct ReapSagaTrialTests {
    @Test func failsAtEachNode() async throws { try await trial { try await $0.failAtEachNode() } }
    @Test func everyDoTwice() async throws { try await trial { try await $0.everyDoTwice() } }
    @Test func diesAtEachNode() async throws { try await trial { try await $0.dieAtEachNode() } }
    @Test func isOvertakenAtEachNode() async throws { try await trial { try await $0.overtakeAtEachNode() } }

    private func trial(_ run: (SagaTrial<StoredUpload>) async throws -> Int) async throws {
        try await ServiceUnderTest.run {
            $0.hasWorker = false
            $0.limits.reapPatience = .zero
        } _: { service in
            let trial = SagaTrial(
                try service.wiring.sagas.reaps.steps(),
                pool: service.pool,
                begin: {
                    _ = try await service.upload(
                        UUID().uuidString,
                        [1],
                        fields: [("x-content-sha256", String(repeating: "0", count: 64))]
                    )
                    let claims = try await SagaStore.claimDue(
                        kinds: [ReapSaga.kind],
                        owner: "begin",
                        leaseMilliseconds: 60_000,
                        limit: 1,
                        on: service.pool
                    )
                    let claim = try #require(claims.first)
                    return SagaTrial.Begun(claim: claim, context: try StoredUpload.decode(claim.context))
                },
                resume: { try StoredUpload.decode($0.context) },
                answer: { try await service.reap($0) },
                check: { outcome in
                    let state = try await service.pool.query(
                        "SELECT state FROM uploads WHERE id = $1",
                        outcome.subject
                    )
                    #expect(try state.first?.text(0) == "REAPED", "\(outcome)")
                }
            )
            #expect(try await run(trial) > 0)
            try await service.ledger.expectGoodKeysAndEvents()
        }
    }
}

extension ServiceUnderTest {
    /// The indexer's answer to the discard of `upload`.
    func reap(_ upload: UUID) async throws {
        guard
            let row = try await pool.query("SELECT file_id, object_key FROM uploads WHERE id = $1", upload)
                .first
        else { return }
        let removed = RemovedUpload(uploadID: upload, objectKey: try row.text(1))
        try await reply(to: try row.uuid(0).uuidString, version: 1, .uploadBytesRemoved(removed))
    }

    func state(of id: UUID) async throws -> String? {
        try await pool.query("SELECT state FROM files WHERE id = $1", id).first?.text(0)
    }
}
