import EventContracts
import Foundation
import IdempotentConsumer
import IdempotentInbox
import Logging
import PostgresClient
import ServiceBootstrap
import TestSupport
import Testing

@testable import IndexerService

private let nextOffset: Statement = "SELECT next_offset, epoch FROM consumer_offsets WHERE partition = 0"
private let parked: Statement = "SELECT record_offset, value, reason FROM parked_records ORDER BY id"

private func claim(on pool: PostgresPool) async throws -> PartitionClaim {
    try await InboxStore.claim(
        consumer: FileEventHandler.consumer,
        topic: Topic.files.name,
        partition: 0,
        on: pool
    ).claim
}

private func junk(_ offset: Int64, key: String?, type: String? = nil) -> InboundRecord {
    var headers = [(name: String, value: [UInt8])]()
    if let type {
        let all = [
            ("ce_id", "x.\(offset)"), ("ce_source", "/elsewhere"), ("ce_specversion", "1.0"),
            ("ce_type", type),
            ("content-type", "application/json"),
        ]
        headers = all.map { ($0.0, Array($0.1.utf8)) }
    }
    return InboundRecord(
        topic: Topic.files.name,
        partition: 0,
        offset: offset,
        key: key.map { Array($0.utf8) },
        value: Array("junk \(offset)".utf8),
        headers: headers
    )
}

@Suite("I24 an offset never runs ahead of its effects")
struct OffsetTests {
    /// Applies like the indexer's, then fails.
    private struct FailingHandler: EventHandler {
        let whole: FileEventHandler
        let failure: DatabaseError
        func decode(_ record: InboundRecord) -> Decoded<FileEvent> { whole.decode(record) }
        func apply(_ events: [FileEvent], in tx: borrowing Transaction) async throws {
            try await whole.apply(events, in: tx)
            throw failure
        }
    }

    @Test func itMovesWithThem() async throws {
        try await IndexerWorld.withDatabase { pool in
            let stories = (0..<5).map { FileStory($0) }
            try await IndexerWorld.apply(stories.map { $0.stored() }, from: 40, on: pool)
            #expect(try await pool.query(nextOffset).first?.int64(0) == 45)
        }
    }

    @Test func itStaysWhenTheyRollBack() async throws {
        try await IndexerWorld.withDatabase { pool in
            let handler = FailingHandler(
                whole: IndexerWorld.makeHandler(),
                failure: .timedOut("the database is slow today")
            )
            let applier = BatchApplier(consumer: FileEventHandler.consumer, handler: handler, pool: pool)
            let held = try await claim(on: pool)
            let record = try IndexerWorld.record(FileStory(1).stored(), 7)
            await #expect(throws: InboxFailure.self) { try await applier.apply([record], held) }
            #expect(try await pool.query(nextOffset).first?.int64(0) == 0)
            #expect(try await DocumentRow.all(on: pool).isEmpty)
        }
    }

    @Test func aRecordThatCannotBeAppliedIsParkedAndTheOffsetGoesOn() async throws {
        try await IndexerWorld.withDatabase { pool in
            let handler = FailingHandler(
                whole: IndexerWorld.makeHandler(),
                failure: .invalidValue("a defect")
            )
            let applier = BatchApplier(consumer: FileEventHandler.consumer, handler: handler, pool: pool)
            let record = try IndexerWorld.record(FileStory(1).stored(), 7)
            let counts = try await applier.apply([record], try await claim(on: pool))
            #expect(counts.parked == 1 && counts.applied == 0)
            #expect(try await pool.query(nextOffset).first?.int64(0) == 8)
            #expect(try await DocumentRow.all(on: pool).isEmpty)
        }
    }
}

@Suite("I25 every record is applied, superseded or parked with its bytes")
struct EveryRecordTests {
    @Test(arguments: [UInt64.random(in: .min ... .max), 7])
    func theCountsAddUp(seed: UInt64) async throws {
        try await IndexerWorld.withDatabase { pool in
            var random = SeededGenerator(seed: seed)
            var records: [InboundRecord] = []
            for story in (0..<6).map({ FileStory($0) }) {
                for event in story.life(&random) {
                    records.append(try IndexerWorld.record(event, Int64(records.count)))
                    if Bool.random(using: &random) {
                        records.append(try IndexerWorld.record(event, Int64(records.count)))
                    }
                }
                records.append(junk(Int64(records.count), key: Bool.random(using: &random) ? "k" : nil))
                records.append(junk(Int64(records.count), key: "other", type: "file.moved"))
            }
            let counts = try await IndexerWorld.makeApplier(on: pool).apply(
                records,
                try await claim(on: pool)
            )
            #expect(
                counts.applied + counts.repeated + counts.skipped + counts.parked == records.count,
                "seed \(seed)"
            )
            #expect(counts.skipped == 6 && counts.parked == 6)
            for row in try await pool.query(parked) {
                let value = records[Int(try row.int64(0))].value
                #expect(try row.bytes(1) == value)
            }
        }
    }
}

@Suite("I26 behind a parked record its key waits, in order")
struct ParkedKeyTests {
    @Test func laterEventsOfTheKeyAreParkedToo() async throws {
        try await IndexerWorld.withDatabase { pool in
            let (stuck, free) = (FileStory(1), FileStory(2))
            let applier = IndexerWorld.makeApplier(on: pool)
            let held = try await claim(on: pool)
            let first = [
                try IndexerWorld.record(stuck.stored(), 0),
                junk(1, key: stuck.fileID.uuidString.lowercased()),
                try IndexerWorld.record(stuck.deleted(2), 2), try IndexerWorld.record(free.stored(), 3),
            ]
            let counts = try await applier.apply(first, held)
            #expect(counts.parked == 2 && counts.applied == 2)
            // In a later batch too.
            let later = try await applier.apply([try IndexerWorld.record(stuck.restored(3), 4)], held)
            #expect(later.parked == 1)
            #expect(try await pool.query(parked).map { try $0.int64(0) } == [1, 2, 4])
            let rows = try await DocumentRow.all(on: pool)
            #expect(rows.map(\.version) == [1, 1] && rows.map(\.state) == ["LIVE", "LIVE"])
        }
    }
}

@Suite("I33 an old epoch changes nothing")
struct FencingTests {
    @Test func aMemberThatLostThePartitionWritesNothing() async throws {
        try await IndexerWorld.withDatabase { pool in
            let old = try await claim(on: pool)
            let new = try await claim(on: pool)
            let applier = IndexerWorld.makeApplier(on: pool)
            let record = try IndexerWorld.record(FileStory(1).stored(), 0)
            await #expect(throws: InboxFailure.fenced) { try await applier.apply([record], old) }
            await #expect(throws: InboxFailure.fenced) { try await applier.apply([junk(0, key: nil)], old) }
            #expect(try await DocumentRow.all(on: pool).isEmpty)
            #expect(try await pool.query(parked).isEmpty)
            #expect(try await applier.apply([record], new).applied == 1)
        }
    }

    @Test func aResetFencesTheReaderAndStartsOver() async throws {
        try await IndexerWorld.withDatabase { pool in
            let held = try await claim(on: pool)
            let applier = IndexerWorld.makeApplier(on: pool)
            let record = try IndexerWorld.record(FileStory(1).stored(), 41)
            _ = try await applier.apply([record], held)
            let consumer = FileEventHandler.consumer
            let reset = try await InboxStore.reset(consumer: consumer, topic: Topic.files.name, on: pool)
            #expect(reset.count == 1 && reset.first?.partition == 0 && reset.first?.nextOffsetBefore == 42)
            #expect(try await InboxStore.reset(consumer: consumer, topic: "another", on: pool).isEmpty)
            await #expect(throws: InboxFailure.fenced) { try await applier.apply([record], held) }

            let again = try await InboxStore.claim(
                consumer: consumer,
                topic: Topic.files.name,
                partition: 0,
                on: pool
            )
            #expect(again.nextOffset == 0)
            // The topic was written anew: other offsets, the same events.
            let copy = try IndexerWorld.record(FileStory(1).stored(), 0)
            #expect(try await applier.apply([copy], again.claim).repeated == 1)
            #expect(try await pool.query(nextOffset).first?.int64(0) == 1)
        }
    }
}

@Suite("The inbox forgets what is old")
struct InboxJanitorTests {
    private static let age: Statement =
        "UPDATE inbox SET seen_at = now() - interval '8 days' WHERE event_id <> $1"
    private static let left: Statement = "SELECT event_id FROM inbox"

    @Test func inSmallBatches() async throws {
        try await IndexerWorld.withDatabase { pool in
            let events = (0..<10).map { FileStory($0).stored() }
            try await IndexerWorld.apply(events, from: 0, on: pool)
            _ = try await pool.execute(Self.age, events[3].id)
            let janitor = InboxJanitor(
                batchLimit: 4,
                pool: pool,
                time: SystemTime(),
                random: SystemRandom(),
                logger: Logger(label: "test")
            )
            let running = Task { try await janitor.run() }
            defer { running.cancel() }
            try await eventually { try await pool.query(Self.left).count == 1 }
            #expect(try await pool.query(Self.left).first?.text(0) == events[3].id)
        }
    }
}

extension IndexerWorld {
    static func makeHandler() -> FileEventHandler {
        FileEventHandler(time: SystemTime(), random: SystemRandom())
    }
}
