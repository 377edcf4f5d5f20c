import PostgresClient
import TestSupport
import Testing

@Suite("sessions are encrypted as the URI says", .timeLimit(.minutes(2)))
struct TLSTests {
    @Test func aServerThatIsVerifiedIsTalkedToInSecret() async throws {
        try await withTLS { address, cluster in
            let pool = Self.pool("\(address)?sslmode=verify-full&sslrootcert=\(cluster.certificatePath)")
            let isEncrypted = try await pool.query("SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()")
            #expect(try isEncrypted.first?.bool(0) == true)
            // Answers of every size around those of TLS records and of libpq's buffer.
            for size in [1, 8_191, 16_383, 16_384, 16_385, 32_768, 65_537, 3 << 20] {
                let rows = try await pool.query(
                    "SELECT repeat('x', $1), n FROM generate_series(1, 5) n",
                    size
                )
                #expect(try rows.map { try $0.text(0).utf8.count } == Array(repeating: size, count: 5))
            }
            let sums = try await withThrowingTaskGroup(of: Int.self) { group in
                for _ in 0..<8 {
                    group.addTask {
                        try await pool.query("SELECT n FROM generate_series(1, 20000) n").reduce(0) {
                            try $0 + $1.int(0)
                        }
                    }
                }
                return try await group.reduce(into: []) { $0.append($1) }
            }
            #expect(sums == Array(repeating: 200_010_000, count: 8))
            await pool.close()
        }
    }

    @Test func aServerThatCannotBeVerifiedIsRefused() async throws {
        try await withTLS { address, _ in
            try await ThrowawayCluster.with { stranger in
                try await stranger.makeCertificate()
                let pool = Self.pool(
                    "\(address)?sslmode=verify-full&sslrootcert=\(stranger.certificatePath)"
                )
                await #expect(throws: DatabaseError.self) { try await pool.query("SELECT 1") }
                await pool.close()
            }
        }
    }

    private func withTLS(_ body: (String, ThrowawayCluster) async throws -> Void) async throws {
        try await ThrowawayCluster.with { cluster in
            try await cluster.stop("fast")
            try await cluster.makeCertificate()
            let port = try freePort()
            try await cluster.start(tlsPort: port)
            try await body("postgresql://postgres@127.0.0.1:\(port)/postgres", cluster)
        }
    }

    private static func pool(_ conninfo: String) -> PostgresPool {
        var settings = PostgresSettings(conninfo: conninfo, applicationName: "waybill-test")
        settings.connectionLimit = 4
        settings.leaseWaitLimit = TestDatabase.patience
        return TestDatabase.makePool(settings)
    }
}
