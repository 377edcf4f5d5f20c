import Determinism
import Foundation
import PostgresClient
import ServiceBootstrap
import Synchronization
import Testing

@testable import UploadService

@Suite("Consistency: a check that has found much", .serialized)
struct CheckEndTests {
    private static let fill: Statement = """
        INSERT INTO consistency_findings (check_id, kind, subject, object_key, size, etag, detail)
        SELECT $1::uuid, 'orphan_object', key, key, 5, 'e', 'no row has this key'
          FROM (SELECT 'acme/2026/11/' || lpad(n::text, 12, '0') || '.1' AS key
                  FROM generate_series($2::bigint, $3::bigint) n) keys
        """
    private static let compared: Statement = """
        UPDATE consistency_checks SET progress = $2::jsonb WHERE id = $1::uuid
        """
    private static let resume: Statement = """
        UPDATE consistency_checks SET state = 'RUNNING', finished_at = NULL WHERE id = $1::uuid
        """
    private static let sightings: Statement = """
        SELECT count(*), coalesce(min(sightings), 0), coalesce(max(sightings), 0) FROM orphan_sightings
        """
    private static let longest: Statement = """
        SELECT coalesce(max(extract(epoch FROM clock_timestamp() - xact_start)), 0)::float8 FROM pg_stat_activity
         WHERE pid <> pg_backend_pid() AND state <> 'idle' AND query ~ 'orphan_sightings|consistency_'
        """
    private static let count = 100_000

    /// A check whose parts have all come to their end.
    private func compared(_ world: CheckWorld, _ keys: ClosedRange<Int>) async throws -> UUID {
        let id = try await world.begin(CheckRequest(requestedBy: "test", digests: .none))
        _ = try await world.pool.execute(Self.fill, id, keys.lowerBound, keys.upperBound)
        var parts: [String: PartProgress] = [:]
        for number in 0..<256 {
            var part = PartProgress(
                lower: number == 0 ? nil : KeyText("acme/2026/11/\(number + 1_000)"),
                upper: number == 255 ? nil : KeyText("acme/2026/11/\(number + 1_001)")
            )
            part.isDone = true
            part.rows = .empty
            part.add(number == 0 ? 1 : 0, to: .markers)
            parts[CheckProgress.ranges + "\(number)"] = part
        }
        let json = try JSONEncoder().encode(CheckProgress(parts: parts))
        _ = try await world.pool.execute(Self.compared, id, String(decoding: json, as: UTF8.self))
        return id
    }

    private func noted(_ world: CheckWorld) async throws -> [Int] {
        let row = try #require(try await world.pool.query(Self.sightings).first)
        return [try row.int(0), try row.int(1), try row.int(2)]
    }

    @Test func itEndsInShortTransactions() async throws {
        try await CheckWorld.run({ $0.hasWorker = false }) { world in
            let (count, time) = (Self.count, SystemTime())
            let first = try await compared(world, 1...count)
            let longest = Mutex(0.0)
            let watching = Task {
                while !Task.isCancelled {
                    let seen = try await world.pool.query(Self.longest).first?.double(0) ?? 0
                    longest.withLock { $0 = max($0, seen) }
                    try await time.sleep(for: .milliseconds(20))
                }
            }
            let begun = time.uptime
            let report = try await world.drive(world.tools())
            let taken = time.uptime - begun
            watching.cancel()
            _ = await watching.result
            let seconds = longest.withLock { $0 }
            print("a check with \(count) findings ends in \(taken), its longest transaction in \(seconds) s")
            #expect(report.isComplete && report.counts["orphan_object"] == Int64(count))
            #expect(report.orphanedObjects.count == CheckReport.subjectLimit)
            #expect(seconds < 5)
            #expect(try await noted(world) == [count, 1, 1])

            // As after a crash shortly before its end: nothing is counted twice.
            _ = try await world.pool.execute(Self.resume, first)
            try await world.drive(world.tools())
            #expect(try await noted(world) == [count, 1, 1])

            // The next finds all but ten again: those are forgotten, the others have been seen twice.
            _ = try await compared(world, 11...count)
            try await world.drive(world.tools())
            #expect(try await noted(world) == [count - 10, 2, 2])
        }
    }

    @Test func rangesWithFindingsAreComparedAgain() async throws {
        try await CheckWorld.run({ $0.hasWorker = false }) { world in
            _ = try await compared(world, 1...1)
            try await world.drive(world.tools())
            let rows = try await world.pool.query(
                "SELECT count(*) FROM consistency_ranges WHERE digest <> ''"
            )
            // `acme/2026/11/000000000001.1` lies in the first.
            #expect(try #require(rows.first).int(0) == 255)
        }
    }
}
