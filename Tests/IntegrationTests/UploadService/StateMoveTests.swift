import Determinism
import EventContracts
import Foundation
import PostgresClient
import TestSupport
import Testing

@testable import UploadService

/// The machine says which moves exist; the statements make them. Every state meets everything that can happen.
@Suite("I12 the statements move rows as the state machines say")
struct StateMoveTests {
    @Test func uploads() async throws {
        try await ServiceUnderTest.run {
            $0.hasWorker = false
            $0.limits.expiryInterval = .seconds(3_600)
        } _: { service in
            for state in UploadState.allCases {
                for event in UploadEvent.allCases {
                    let upload = try await Self.newUpload(
                        service,
                        in: state,
                        isOver: event == .deadlinePassed
                    )
                    try await Self.move(upload, by: event, service)
                    let expected = (try? state.applying(event)) ?? state
                    #expect(try await Self.state(of: upload, service) == expected, "\(state) \(event)")
                }
            }
        }
    }

    @Test func files() async throws {
        try await ServiceUnderTest.run {
            $0.hasWorker = false
        } _: { service in
            for state in FileState.allCases {
                for event in FileTransition.allCases where event != .released {
                    let id = try await Self.newFile(service, in: state, isOver: event != .restored)
                    let before = try await Self.version(of: id, service)
                    try await Self.move(id, by: event, service)
                    let expected = (try? state.applying(event)) ?? state
                    #expect(try await service.state(of: id) == expected.rawValue, "\(state) \(event)")
                    let rise = try await Self.version(of: id, service) - before
                    #expect(rise == (expected == state ? 0 : 1), "\(state) \(event)")
                }
            }
        }
    }

    // MARK: Uploads

    private static func newUpload(_ service: ServiceUnderTest, in state: UploadState, isOver: Bool)
        async throws -> Upload
    {
        let receive = service.wiring.receive
        let file = IncomingFile(
            name: try FileName(UUID().uuidString),
            contentType: .octetStream,
            declaredSHA256: nil,
            source: UploadSource(length: 0, body: ErasedPattern(Pattern(count: 0)))
        )
        let upload = try receive.newUpload(file, of: Owner(tenant: "acme", name: "ann"))
        _ = try await service.pool.withTransaction { (tx: borrowing Transaction) async throws -> Void in
            _ = try await UploadStore.reserve([upload], expiry: isOver ? .zero : .seconds(3_600), in: tx)
        }
        let isOpen = !(state.isDoomed || state == .reaped)
        try await service.pool.execute(
            "UPDATE uploads SET state = $2, failure_reason = $3, s3_upload_id = 'm' WHERE id = $1",
            upload.id,
            state.rawValue,
            isOpen ? nil : "test"
        )
        return upload
    }

    private static func move(_ upload: Upload, by event: UploadEvent, _ service: ServiceUnderTest)
        async throws
    {
        _ = try await service.pool.withTransaction { (tx: borrowing Transaction) async throws -> Void in
            switch event {
            case .bytesArrived:
                _ = try await UploadStore.noteBytes(of: upload.id, expiry: .seconds(60), in: tx)
            case .completionClaimed:
                _ = try await UploadStore.claimCompletion(
                    of: upload.id,
                    sha256: nil,
                    multipartID: "m",
                    in: tx
                )
            case .committed:
                let object = TransferredObject(size: 0, sha256: nil, etag: "e")
                _ = try await FileStore.insert([(upload, object)], in: tx)
            case .failed:
                _ = try await UploadStore.doom(upload.id, DoomedUpload(state: .failed, reason: "x"), in: tx)
            case .clientAborted:
                _ = try await UploadStore.doom(upload.id, DoomedUpload(state: .aborted, reason: "x"), in: tx)
            case .deadlinePassed: _ = try await UploadStore.expire(reason: "x", limit: 1_000, in: tx)
            case .bytesRemoved: _ = try await UploadStore.reap(upload.id, file: upload.fileID, in: tx)
            }
        }
    }

    private static func state(of upload: Upload, _ service: ServiceUnderTest) async throws -> UploadState? {
        let row = try await service.pool.query("SELECT state FROM uploads WHERE id = $1", upload.id).first
        return UploadState(rawValue: try row?.text(0) ?? "")
    }

    // MARK: Files

    private static func newFile(_ service: ServiceUnderTest, in state: FileState, isOver: Bool) async throws
        -> UUID
    {
        let answer = try await service.upload(UUID().uuidString)
        let id = try #require(UUID(uuidString: answer.id))
        let isVisible = state == .available || state == .quarantined
        try await service.pool.execute(
            """
            UPDATE files SET state = $2, delete_after = CASE WHEN $3::boolean THEN NULL ELSE clock_timestamp() + make_interval(hours => $4) END
             WHERE id = $1
            """,
            id,
            state.rawValue,
            isVisible,
            isOver ? 0 : 1
        )
        return id
    }

    private static func move(_ id: UUID, by event: FileTransition, _ service: ServiceUnderTest) async throws {
        let owner = Owner(tenant: "acme", name: "ann")
        let version = try await Self.version(of: id, service)
        switch event {
        case .deleted: _ = try? await service.wiring.actions.delete(id, of: owner, isImmediate: false)
        case .restored: _ = try? await service.wiring.actions.restore(id, of: owner)
        case .released: break
        case .purgeStarted, .bytesRemoved, .rejected:
            _ = try await service.pool.withTransaction { (tx: borrowing Transaction) async throws -> Void in
                if event == .purgeStarted { _ = try await FileStore.startPurge(id, in: tx) }
                if event == .bytesRemoved { _ = try await FileStore.finishPurge(id, in: tx) }
                if event == .rejected {
                    _ = try await FileStore.quarantine(id, version: version, reason: "x", in: tx)
                }
            }
        }
    }

    private static func version(of id: UUID, _ service: ServiceUnderTest) async throws -> Int64 {
        try await service.pool.query("SELECT version FROM files WHERE id = $1", id).first?.int64(0) ?? 0
    }
}
