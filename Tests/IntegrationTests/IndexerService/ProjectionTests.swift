import EventContracts
import Foundation
import HTTPServing
import IdempotentInbox
import PostgresClient
import TestSupport
import Testing

@testable import IndexerService

/// The projection against a model: of each file, the event with the highest version.
struct ProjectionTests {
    @Suite("I21 the projection of a file is its newest event", .timeLimit(.minutes(2)))
    struct NewestWins {
        @Test(arguments: [UInt64.random(in: .min ... .max), 1, 2])
        func whateverTheOrderAndTheBatches(seed: UInt64) async throws {
            try await IndexerWorld.withDatabase { pool in
                var random = SeededGenerator(seed: seed)
                let stories = (0..<12).map { FileStory($0) }
                var log = stories.flatMap { $0.life(&random) }.shuffled(using: &random)
                var model: [UUID: FileEvent] = [:]
                var offset: Int64 = 0
                while !log.isEmpty {
                    let batch = Array(log.prefix(Int.random(in: 1...15, using: &random)))
                    log.removeFirst(batch.count)
                    try await IndexerWorld.apply(batch, from: offset, on: pool)
                    offset += Int64(batch.count)
                    for event in batch where event.version > model[event.fileID]?.version ?? 0 {
                        model[event.fileID] = event
                    }
                    let rows = try await DocumentRow.all(on: pool)
                    #expect(rows.count == model.count, "seed \(seed)")
                    for row in rows {
                        #expect(row.version == model[row.fileID]?.version, "seed \(seed)")
                        #expect(row.state == model[row.fileID].flatMap(expectedState), "seed \(seed)")
                    }
                }
            }
        }

        @Test func aPurgedFileLeavesNothingButItsVersion() async throws {
            try await IndexerWorld.withDatabase { pool in
                let story = FileStory(1, name: "secret.txt")
                try await IndexerWorld.apply(
                    [story.stored(), story.deleted(2), story.purging(3)],
                    from: 0,
                    on: pool
                )
                try await IndexerWorld.apply([story.purged(4), story.restored(3)], from: 3, on: pool)
                let row = try #require(try await DocumentRow.all(on: pool).first)
                #expect(row.version == 4 && row.state == "PURGED" && row.name == nil && row.objectKey == nil)
                #expect(!row.rest.contains("secret"))
            }
        }
    }

    @Suite("I22 what is deleted stays invisible however late older events come", .timeLimit(.minutes(2)))
    struct DeletedStaysDeleted {
        @Test(arguments: [UInt64.random(in: .min ... .max), 3, 4])
        func inAnyOrder(seed: UInt64) async throws {
            try await IndexerWorld.withDatabase { pool in
                var random = SeededGenerator(seed: seed)
                let stories = (0..<8).map { FileStory($0, name: "needle \($0)") }
                let log = stories.flatMap { $0.life(&random) }.shuffled(using: &random)
                var newest: [UUID: FileEvent] = [:]
                for (offset, event) in log.enumerated() {
                    try await IndexerWorld.apply([event], from: Int64(offset), on: pool)
                    if event.version > newest[event.fileID]?.version ?? 0 { newest[event.fileID] = event }
                    let visible = Set(newest.values.filter { expectedState($0) == "LIVE" }.map(\.fileID))
                    let found = try await search("needle", on: pool)
                    #expect(
                        Set(found.map(\.fileID)) == visible,
                        "seed \(seed), after \(event.type) \(event.version)"
                    )
                }
            }
        }
    }

    @Suite("I23 a topic read twice gives one projection", .timeLimit(.minutes(2)))
    struct Replays {
        @Test(arguments: [UInt64.random(in: .min ... .max), 5, 6])
        func withEveryRecordTwice(seed: UInt64) async throws {
            var random = SeededGenerator(seed: seed)
            let lives = (0..<10).map { FileStory($0, content: "word\($0)").life(&random) }
            let once = try await projection(of: lives.flatMap(\.self), batchLimit: 50, &random)
            let twice = interleaved(lives + lives, &random)
            let doubled = interleaved(lives, &random).flatMap { [$0, $0] }
            #expect(try await projection(of: twice, batchLimit: 7, &random) == once, "seed \(seed)")
            #expect(try await projection(of: doubled, batchLimit: 3, &random) == once, "seed \(seed)")
        }

        private func projection(
            of log: [FileEvent],
            batchLimit: Int,
            _ random: inout SeededGenerator
        ) async throws -> [DocumentRow] {
            var batches: [[FileEvent]] = []
            var rest = log[...]
            while !rest.isEmpty {
                let size = Int.random(in: 1...batchLimit, using: &random)
                batches.append(Array(rest.prefix(size)))
                rest = rest.dropFirst(size)
            }
            return try await IndexerWorld.withDatabase { [batches] pool in
                var offset: Int64 = 0
                for batch in batches {
                    let counts = try await IndexerWorld.apply(batch, from: offset, on: pool)
                    #expect(counts.applied + counts.repeated == batch.count)
                    offset += Int64(batch.count)
                }
                return try await DocumentRow.all(on: pool)
            }
        }

        /// Keeps the order within each list and none across them.
        private func interleaved(_ lists: [[FileEvent]], _ random: inout SeededGenerator) -> [FileEvent] {
            var rest = lists.map { $0[...] }
            var mixed: [FileEvent] = []
            while let index = rest.indices.filter({ !rest[$0].isEmpty }).randomElement(using: &random) {
                if let event = rest[index].popFirst() { mixed.append(event) }
            }
            return mixed
        }
    }
}

private func expectedState(_ event: FileEvent) -> String? {
    switch event.type {
    case .fileStored, .fileRestored: "LIVE"
    case .fileQuarantined: "QUARANTINED"
    case .fileDeleted, .filePurging: "DELETED"
    case .filePurged: "PURGED"
    default: nil
    }
}

/// As the search route does it.
func search(
    _ text: String,
    _ more: String = "",
    tenant: String = "acme",
    owner: String = "ada",
    on pool: PostgresPool
) async throws -> [SearchHit] {
    let encoded = text.addingPercentEncoding(withAllowedCharacters: .alphanumerics) ?? ""
    let request = try SearchRequest(query: "q=\(encoded)\(more)")
    return try await SearchStore(pool).search(request, tenant: tenant, owner: owner)
}
