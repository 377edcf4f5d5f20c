import Determinism
import EventBinding
import EventContracts
import IdempotentInbox
import PostgresClient
import SagaEngine

import struct FoundationEssentials.UUID

/// Takes what happened to files into the index: the document at once, fenced by version; the work on bytes
/// (verifying, extracting, removing) as sagas, so that a large file never holds up its partition.
struct FileEventHandler: EventHandler {
    static let consumer = "indexer-service"

    let time: any TimeSource
    let random: any RandomSource

    func decode(_ record: InboundRecord) -> Decoded<FileEvent> { Decoded(record) }

    func apply(_ events: [FileEvent], in tx: borrowing Transaction) async throws {
        try await apply(events, areNew: false, in: tx)
    }

    func applyNew(_ events: [FileEvent], in tx: borrowing Transaction) async throws {
        try await apply(events, areNew: true, in: tx)
    }

    private func apply(_ events: [FileEvent], areNew: Bool, in tx: borrowing Transaction) async throws {
        let documents = events.compactMap { event in Document(event).map { (event, $0) } }
        let isNewer = try await DocumentStore.write(documents.map(\.1), areNew: areNew, in: tx)
        let news = zip(documents, isNewer).filter(\.1).map(\.0.0)
        try SagaStore.supersede(kind: IndexSaga.kind, lastOfEach(try news.compactMap(indexing)), in: tx)

        // Also of an event that came before: it is sent again when its answer got lost.
        let removals = try events.compactMap(removal)
        try SagaStore.supersede(kind: RemovalSaga.kind, lastOfEach(removals), in: tx)

        var trashings: [NewSaga] = []
        for event in events {
            // An order that a newer one has replaced is not carried out, however often it is read again.
            guard let order = TrashSaga.Order(event), try await TrashStore.accept(order, in: tx) else {
                continue
            }
            trashings.append(try new(TrashSaga.kind, event, order))
        }
        try SagaStore.supersede(kind: TrashSaga.kind, lastOfEach(trashings), in: tx)
    }

    func isRepeatable(_ event: FileEvent) -> Bool {
        switch event.type {
        case .filePurging, .uploadDiscarded, .objectQuarantined, .objectUnquarantined, .multipartLeaked: true
        case .fileStored, .fileDeleted, .fileRestored, .filePurged, .fileQuarantined, .fileIndexed,
            .fileRejected, .fileBytesRemoved, .fileRemovalStalled, .uploadBytesRemoved,
            .objectTrashed, .objectRestored, .objectKept, .multipartAborted:
            false
        }
    }

    /// One statement may touch a row once, and the newest order is the one that counts.
    private func lastOfEach(_ sagas: [NewSaga]) -> [NewSaga] {
        var seen: Set<UUID> = []
        return sagas.reversed().filter { seen.insert($0.subject).inserted }.reversed()
    }

    /// The newest version's saga wins: it supersedes one that runs for an older version of the same file.
    private func indexing(_ event: FileEvent) throws -> NewSaga? {
        switch event.detail {
        case .stored(let file), .restored(let file):
            try new(IndexSaga.kind, event, IndexSaga.Order(event, file))
        case .deleted, .purging, .purged, .quarantined, .uploadDiscarded, .indexed, .rejected, .bytesRemoved,
            .removalStalled, .uploadBytesRemoved, .objectQuarantined, .objectUnquarantined, .multipartLeaked,
            .objectTrashed, .objectRestored, .objectKept, .multipartAborted:
            nil
        }
    }

    private func removal(_ event: FileEvent) throws -> NewSaga? {
        switch event.detail {
        case .purging(let file):
            try new(RemovalSaga.kind, event, RemovalSaga.Order(event, file))
        case .uploadDiscarded(let upload):
            try new(RemovalSaga.kind, event, RemovalSaga.Order(event, upload))
        case .stored, .restored, .deleted, .purged, .quarantined, .indexed, .rejected, .bytesRemoved,
            .removalStalled, .uploadBytesRemoved, .objectQuarantined, .objectUnquarantined, .multipartLeaked,
            .objectTrashed, .objectRestored, .objectKept, .multipartAborted:
            nil
        }
    }

    private func new(_ kind: String, _ event: FileEvent, _ order: some SagaOrder) throws -> NewSaga {
        NewSaga(
            id: UUID.version7(at: time.now, from: random),
            kind: kind,
            subject: event.fileID,
            context: try order.encoded(),
            trace: event.trace
        )
    }
}
