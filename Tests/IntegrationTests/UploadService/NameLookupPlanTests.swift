import PostgresClient
import ServiceBootstrap
import Testing

@testable import UploadService

/// A prepared statement keeps the plan it got when the table was small. It must be one that is right when the table is large.
@Suite("A name is looked up by its own index, however little the planner knows")
struct NameLookupPlanTests {
    private static let unobserved: Statement = "ALTER TABLE files SET (autovacuum_enabled = off)"
    private static let uploads: Statement = """
        INSERT INTO uploads (id, file_id, tenant, owner, name, content_type, object_key, state, expires_at)
        SELECT gen_random_uuid(), gen_random_uuid(), 'bench', 'ann', gen_random_uuid()::text, 'text/plain',
               'bench/2026/11/' || gen_random_uuid() || '.1', 'COMPLETED', now() FROM generate_series(1, 40) n
        """
    private static let files: Statement = """
        INSERT INTO files (id, upload_id, tenant, owner, name, content_type, size, object_key, etag, state, version,
                           created_at, updated_at)
        SELECT file_id, id, tenant, owner, name, content_type, 5, object_key, 'e', 'AVAILABLE', 1, now(), now()
          FROM uploads WHERE id NOT IN (SELECT upload_id FROM files)
        """
    /// As it was before: its index is not the only one that begins with the tenant.
    private static let plainIndex: Statement = """
        CREATE UNIQUE INDEX files_plain_name ON files (tenant, owner, name) WHERE state IN ('AVAILABLE', 'QUARANTINED')
        """
    private static let plainLookup: Statement = """
        SELECT id FROM files WHERE tenant = $1 AND owner = $2 AND name = normalize($3, NFC)
           AND state IN ('AVAILABLE', 'QUARANTINED')
        """
    private static let arguments = "('bench', 'ann', 'none')"
    private static let begun = """
        (gen_random_uuid(), gen_random_uuid(), 'bench', 'ann', gen_random_uuid()::text, 'text/plain', 5, NULL,
         gen_random_uuid()::text, 1000)
        """

    private static let opened = """
        (gen_random_uuid(), gen_random_uuid(), 'bench', 'ann', gen_random_uuid()::text, 'text/plain', 5, NULL,
         gen_random_uuid()::text, 5242880, 1, NULL, 1000)
        """

    @Test func whateverTheTablesSize() async throws {
        try await ServiceUnderTest.run({ $0.hasWorker = false }) { service in
            _ = try await service.pool.execute(Self.unobserved)
            _ = try await service.pool.execute(Self.plainIndex)
            let plans = try await Plans(on: service.pool)
            var plainPlans: [String] = []
            for _ in 0..<12 {
                for kind in Plans.Kind.allCases {
                    let plan = try await plans.plan(kind, of: FileStore.findByName, Self.arguments)
                    let text = plan.joined(separator: "\n")
                    #expect(text.contains("using files_name_lookup on files"), "\(kind): \(text)")
                    for (statement, values) in [
                        (UploadStore.reserve, Self.begun), (UploadStore.open, Self.opened),
                    ] {
                        let begun = try await plans.plan(kind, of: statement, values)
                        let beginning = begun.joined(separator: "\n")
                        #expect(
                            beginning.contains("using files_name_lookup on files"),
                            "\(kind): \(beginning)"
                        )
                    }
                }
                let plain = try await plans.plan(.generic, of: Self.plainLookup, Self.arguments)
                plainPlans.append(plain.joined(separator: "\n"))
                for statement in [Self.uploads, Self.files] { _ = try await service.pool.execute(statement) }
            }
            // The naive one meets a size at which it reads all the owner's files.
            #expect(plainPlans.contains { !$0.contains("files_plain_name") }, "\(plainPlans)")
        }
    }
}
