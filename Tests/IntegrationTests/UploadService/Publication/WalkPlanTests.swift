import Determinism
import Foundation
import PostgresClient
import ServiceBootstrap
import Testing

@testable import UploadService

/// However many files there are, one statement reads a page of them, whatever the planner knows of the table.
@Suite("Files are walked by an index, page by page")
struct WalkPlanTests {
    private static let fill: Statement = """
        INSERT INTO uploads (id, file_id, tenant, owner, name, content_type, object_key, state, expires_at)
        SELECT gen_random_uuid(), gen_random_uuid(), 'tenant' || n % 20, 'ann', n::text, 'text/plain', 'tenant' || n % 20 || '/2026/11/' || gen_random_uuid() || '.1', 'COMPLETED', now()
          FROM generate_series(1, 4000) n
        """
    private static let files: Statement = """
        INSERT INTO files (id, upload_id, tenant, owner, name, content_type, size, object_key, etag, state, version, created_at,
                           updated_at, published_version)
        SELECT file_id, id, tenant, owner, name, content_type, 5, object_key, 'e', 'AVAILABLE', 1, now(), now() - interval '1 hour',
               CASE WHEN name::int % 2 = 0 THEN 1 ELSE 0 END
          FROM uploads
        """
    private static let analyze: Statement = "ANALYZE files, uploads"
    private static let pageLimit = 50
    private static let start = "'00000000-0000-0000-0000-000000000000'"

    /// The statement, its parameters, and the index that serves it.
    private static let cases: [(Statement, String, String)] = [
        (FileStore.walkAll, "(\(start), \(pageLimit), now() - interval '1 day', null)", "files_pkey"),
        (FileStore.walkTenant, "(\(start), \(pageLimit), null, null, 'tenant7')", "files_tenant"),
        (PublicationStore.walk, "('publication', \(start), 0, \(pageLimit))", "files_unpublished"),
        (ComparisonStore.page, "('', 'tenant9', \(pageLimit))", "files_object_key_key"),
        (ComparisonStore.pageToTheEnd, "('tenant5', \(pageLimit))", "files_object_key_key"),
    ]

    @Test func eachReadsOnePage() async throws {
        try await ServiceUnderTest.run({ $0.hasWorker = false }) { service in
            for statement in [Self.fill, Self.files, Self.analyze] {
                _ = try await service.pool.execute(statement)
            }
            let plans = try await Plans(on: service.pool)
            for (statement, arguments, index) in Self.cases {
                for kind in Plans.Kind.allCases {
                    let plan = try await plans.plan(kind, of: statement, arguments)
                    let text = plan.joined(separator: "\n")
                    #expect(text.contains("using \(index) on files"), "\(kind): \(text)")
                    #expect(!text.contains("Sort"), "\(kind): \(text)")
                    #expect(
                        touched(plan.filter { !$0.contains("SubPlan") }) <= 2 * Self.pageLimit,
                        "\(kind): \(text)"
                    )
                }
            }
        }
    }

    /// Every number of rows that some node of the plan touched: rows it gave plus rows it threw away.
    private func touched(_ plan: [String]) -> Int {
        plan.reduce(0) { most, line in
            var count = 0
            if let found = line.firstMatch(of: /actual rows=(\d+) loops=(\d+)/) {
                count = (Int(found.1) ?? 0) * (Int(found.2) ?? 0)
            } else if let found = line.firstMatch(of: /Rows Removed by Filter: (\d+)/) {
                count = Int(found.1) ?? 0
            }
            return max(most, count)
        }
    }

    /// One tenant's, one hour's: found among many, in as many short transactions as it takes.
    @Test func whatIsMeantIsFoundAmongMany() async throws {
        try await ServiceUnderTest.run({ $0.hasWorker = false }) { service in
            for statement in [Self.fill, Self.files] { _ = try await service.pool.execute(statement) }
            _ = try await service.pool.execute(
                "UPDATE files SET updated_at = now() + interval '1 hour' WHERE name::int % 100 = 7"
            )
            var republishing = Republishing(pool: service.pool) { [] }
            republishing.walkLimit = 300
            republishing.pageLimit = 7
            func count(_ selection: RepublishSelection) async throws -> Int {
                try await republishing.run(selection, to: .files, by: "t", reason: "t").count
            }
            let since = SystemTime().now.advanced(by: .seconds(600))
            var selection = RepublishSelection()
            selection.tenant = "tenant7"
            #expect(try await count(selection) == 200)
            selection.since = since
            #expect(try await count(selection) == 40)
            selection.tenant = nil
            #expect(try await count(selection) == 40)
            selection.until = since
            #expect(try await count(selection) == 0)
            // A call with a limit ends early, and the next goes on where it ended.
            republishing.callWalkLimit = 300
            var (total, calls, next) = (0, 0, UUID?.none)
            var limited = RepublishSelection()
            limited.since = since
            repeat {
                let progress = try await republishing.run(
                    limited,
                    to: .files,
                    by: "t",
                    reason: "t",
                    after: next,
                    countLimit: 10
                )
                total += progress.count
                calls += 1
                next = progress.next
            } while next != nil
            #expect(total == 40 && calls >= 4_000 / 300)
        }
    }

    @Test func rowsThatDoNotMoveOnAreFoundByTheIndexOfTheirStates() async throws {
        try await ServiceUnderTest.run({ $0.hasWorker = false }) { service in
            for statement in [Self.fill, Self.files, Self.analyze] {
                _ = try await service.pool.execute(statement)
            }
            let plans = try await Plans(on: service.pool)
            for kind in Plans.Kind.allCases {
                let plan = try await plans.plan(kind, of: StuckStore.page, "(null, 1000, 500, 1000)")
                let text = plan.joined(separator: "\n")
                #expect(!text.contains("Seq Scan on uploads"), "\(kind): \(text)")
                #expect(text.contains("uploads_open") && text.contains("uploads_doomed"), "\(kind): \(text)")
            }
        }
    }
}
