import AuditTrail
import EventContracts
import PostgresClient
import TestSupport
import Testing

@testable import IndexerService

@Suite("I58 a removal is written down before the bytes go", .timeLimit(.minutes(2)))
struct RemovalAuditTests {
    private static let breakTrail: Statement = "ALTER TABLE audit_entries RENAME TO audit_entries_away"
    private static let mendTrail: Statement = "ALTER TABLE audit_entries_away RENAME TO audit_entries"
    private static let failures: Statement =
        "SELECT count(*) FROM sagas WHERE kind = 'removal.v1' AND attempts > 0"

    @Test func eachRemovalHasOneRecord() async throws {
        try await IndexerWorld.with { world in
            let stories = (1...3).map { FileStory($0, content: "to go") }
            for story in stories {
                try await world.put(story.objectKey, story.content)
                try await world.apply(story.stored(), story.deleted(2), story.purging(3))
            }
            try await world.settle()
            // The order comes once more.
            for story in stories { try await world.apply(story.purging(3)) }
            try await world.settle()
            let records = try await AuditTrail.records(on: world.pool)
            #expect(Set(records.map(\.entry.subject)) == Set(stories.map(\.objectKey)) && records.count == 3)
            #expect(records.allSatisfy { $0.entry.action == "object.removal" })
            let verdict = try await AuditTrail.verify(on: world.pool)
            #expect(verdict.isIntact)
        }
    }

    @Test func withoutARecordNothingGoes() async throws {
        try await IndexerWorld.with { world in
            let story = FileStory(1, content: "stays")
            try await world.put(story.objectKey, story.content)
            try await world.pool.execute(Self.breakTrail)
            try await world.apply(story.stored(), story.deleted(2), story.purging(3))
            for _ in 0..<2 {
                try await world.driveDue()
                try await world.hurry()
            }
            #expect(try await world.pool.query(Self.failures).first?.int64(0) == 1)
            #expect(try await !world.isAbsent(story.objectKey))
            try await world.pool.execute(Self.mendTrail)
            try await world.settle()
            #expect(try await world.isAbsent(story.objectKey))
            let verdict = try await AuditTrail.verify(on: world.pool)
            #expect(verdict.isIntact && verdict.count == 1)
        }
    }
}
