import Determinism
import EventContracts
import Foundation
import NIOHTTP1
import ObjectStore
import PostgresClient
import ServiceBootstrap
import Testing

@testable import UploadService

/// Both services and their databases; the test carries the events, and asks the one for the other.
@Suite("I28 a repair brings the index back to what the rows say", .timeLimit(.minutes(4)))
struct ReindexTests {
    /// What may have become of the index, and what the check calls it.
    enum Damage: CaseIterable {
        case missing, older, otherState, ghost

        var kind: RepairKind {
            switch self {
            case .missing: .indexMissing
            case .older, .otherState: .indexStale
            case .ghost: .indexGhost
            }
        }

        var statement: Statement {
            switch self {
            case .missing: "DELETE FROM documents WHERE file_id = $1"
            case .older: "UPDATE documents SET version = 1, state = 'DELETED' WHERE file_id = $1"
            case .otherState: "UPDATE documents SET state = 'DELETED', search = NULL WHERE file_id = $1"
            case .ghost: "UPDATE documents SET version = 40, state = 'DELETED' WHERE file_id = $1"
            }
        }
    }

    /// A file that was told and taken in, with its id.
    private func stored(_ service: ServiceUnderTest, _ rig: TrashRig) async throws -> UUID {
        let id = try await service.upload("report.txt").id
        try await service.send(.DELETE, "\(ServiceUnderTest.files)/\(id)")
        try await service.send(.POST, "\(ServiceUnderTest.files)/\(id)/restore")
        try await rig.apply(try await service.orders(["file."]))
        return try #require(UUID(uuidString: id))
    }

    @Test(arguments: Damage.allCases)
    func theIndexIsWholeAgain(_ damage: Damage) async throws {
        try await ServiceUnderTest.withRepairs { service in
            try await TrashRig.with(service.store) { rig in
                let id = try await stored(service, rig)
                try await rig.damage(damage.statement, id)
                #expect(try await service.verdict(of: id, in: rig)?.kind.rawValue == damage.kind.rawValue)
                // What was told before changes nothing, however often it comes.
                try await rig.apply(try await service.orders(["file."]))
                #expect(try await service.verdict(of: id, in: rig)?.kind.rawValue == damage.kind.rawValue)

                let outcome = try await service.repair(damage.kind, of: id, in: rig)
                #expect(outcome.counts == ["DONE": 1])
                let told = Array(try await service.orders(["file."]).suffix(1))
                #expect(told.map(\.type) == [.fileRestored])
                #expect(told.first?.version == (damage == .ghost ? 41 : 4))
                try await rig.apply(told)
                #expect(try await service.verdict(of: id, in: rig) == nil)
                // And the old ones do not undo it.
                try await rig.apply(try await service.orders(["file."]))
                #expect(try await service.verdict(of: id, in: rig) == nil)
                #expect(try await service.entry(of: id, in: rig)?.state == .live)
            }
        }
    }

    @Test func whatAgreesIsNotToldAgain() async throws {
        try await ServiceUnderTest.withRepairs { service in
            try await TrashRig.with(service.store) { rig in
                let id = try await stored(service, rig)
                let count = try await service.orders(["file."]).count
                #expect(try await service.repair(.indexMissing, of: id, in: rig).counts == ["SKIPPED": 1])
                #expect(try await service.orders(["file."]).count == count)
            }
        }
    }

    @Test func anIndexThatDoesNotAnswerIsWaitedFor() async throws {
        try await ServiceUnderTest.withRepairs { service in
            let id = try #require(UUID(uuidString: try await service.upload("report.txt").id))
            let check = try await service.plantCheck()
            try await service.plantFileFinding(.indexMissing, of: id.uuidString, in: check)
            let plan = try await service.plan(check)
            var repairs = service.repairs
            repairs.lookUp = { _ async throws(IndexerFailure) in throw .unavailable("away") }
            #expect(try await repairs.run(plan.id, by: "ops/root", confirm: nil).counts == ["WAITING": 1])
            #expect(try await service.orders(["file."]).count == 1)
        }
    }

    /// The index knows a file nobody else does: it is left unless somebody says that it is to go.
    @Test(arguments: [true, false])
    func aGhostGoesWhenNothingIsLeftOfIt(_ hasObject: Bool) async throws {
        try await ServiceUnderTest.withRepairs { service in
            try await TrashRig.with(service.store) { rig in
                let id = UUID()
                let key = ServiceUnderTest.newKey()
                try await rig.apply([.ghost(id, key: key, version: 7)])
                if hasObject { try await service.plantObject(key: key) }
                #expect(try await service.repair(.indexGhost, of: id, in: rig).counts == ["SKIPPED": 1])

                let outcome = try await service.repair(.indexGhost, of: id, in: rig, .tombstone)
                #expect(outcome.counts == [hasObject ? "SKIPPED" : "DONE": 1])
                try await rig.apply(try await service.orders(["file."]))
                #expect(try await service.verdict(of: id, in: rig)?.kind == (hasObject ? .indexGhost : nil))
                guard !hasObject else { return }
                let told = try #require(try await service.orders(["file."]).last)
                #expect(told.type == .filePurged && told.version == 8 && told.tenant == "acme")
                // A copy of what made it comes late.
                try await rig.apply([.ghost(id, key: key, version: 7)])
                #expect(try await service.verdict(of: id, in: rig) == nil)
                #expect(try await service.repairs.undo(outcome.plan.id, by: "ops/root").counts == ["DONE": 1])
            }
        }
    }

    @Test func aTombstoneIsNotForWhatHasARow() async throws {
        try await ServiceUnderTest.withRepairs { service in
            try await TrashRig.with(service.store) { rig in
                let id = try await stored(service, rig)
                try await rig.damage(Damage.ghost.statement, id)
                let key = try #require(try await service.entry(of: id, in: rig)?.objectKey)
                try await service.store.delete(key, versionID: nil)
                let outcome = try await service.repair(.indexGhost, of: id, in: rig, .tombstone)
                #expect(outcome.counts == ["SKIPPED": 1])
                #expect(try await service.state(of: id) == "AVAILABLE")
            }
        }
    }
}

extension FileEvent {
    /// Of a file that no upload service knows.
    static func ghost(_ id: UUID, key: String, version: Int64, text: String = "left over") -> FileEvent {
        FileEvent(
            fileID: id,
            version: version,
            tenant: "acme",
            owner: "ann",
            occurredAt: SystemTime().now,
            detail: .stored(
                StoredFile(
                    uploadID: UUID(),
                    name: "acknowledged \"twice\".txt",
                    contentType: "text/plain",
                    size: Int64(text.utf8.count),
                    sha256: nil,
                    objectKey: key,
                    etag: ""
                )
            )
        )
    }
}

extension ServiceUnderTest {
    /// What the index of `rig` answers over its API.
    func entry(of id: UUID, in rig: TrashRig) async throws -> IndexEntry? {
        guard let json = try await rig.entry(of: id) else { return nil }
        return try JSONDecoder().decode(IndexEntry.self, from: Data(json))
    }

    /// What the check says of the two.
    func verdict(of id: UUID, in rig: TrashRig) async throws -> IndexVerdict? {
        let files = try await CheckedFileStore.find([id], patience: .zero, on: pool)
        return IndexVerdict.of(files.first, try await entry(of: id, in: rig))
    }

    /// A plan of one finding, run.
    func repair(
        _ kind: RepairKind,
        of id: UUID,
        in rig: TrashRig,
        _ action: RepairAction? = nil
    ) async throws -> RepairOutcome {
        let check = try await plantCheck()
        try await plantFileFinding(kind, of: id.uuidString, in: check)
        if try await pool.query("SELECT 1 FROM files WHERE id = $1", id).isEmpty {
            try await plantGhostFinding(of: id, in: check)
        }
        let plan = try await repairs.plan(
            check: check,
            scope: .full,
            by: "ops/root",
            reason: "a test",
            policy: action.map { [kind: $0] } ?? [:]
        )
        return try await asking(rig).run(plan.id, by: "ops/root", confirm: nil)
    }

    /// Repairs that ask the index of `rig`.
    func asking(_ rig: TrashRig) -> Repairs {
        var repairs = self.repairs
        repairs.lookUp = { id async throws(IndexerFailure) in
            let json: [UInt8]?
            do { json = try await rig.entry(of: id) } catch { throw .unavailable("\(error)") }
            guard let json else { return nil }
            do { return try JSONDecoder().decode(IndexEntry.self, from: Data(json)) } catch {
                throw .unexpectedAnswer
            }
        }
        return repairs
    }

    private func plantGhostFinding(of id: UUID, in check: UUID) async throws {
        _ = try await pool.execute(
            """
            INSERT INTO consistency_findings (check_id, kind, subject, file_id, detail)
            VALUES ($1, 'index_ghost', $2, $3, 'planted')
            """,
            check,
            id.text,
            id
        )
    }
}
