import PostgresClient
import SagaEngine
import TestSupport
import Testing

@Suite("Due sagas are claimed one by one", .timeLimit(.minutes(1)))
struct ClaimTests {
    /// PostgreSQL may run a locking subquery once for each row of the table. When its figures say that the table has one
    /// row it does, and would claim everything due: nobody drives what was not asked for until its lease is over.
    @Test("never more than asked for, whatever PostgreSQL believes of the table")
    func limit() async throws {
        try await Trip.withWorld { trip in
            _ = try await trip.begin(leaseMilliseconds: 0)
            try await trip.pool.execute("ANALYZE sagas")
            for _ in 1...5 { _ = try await trip.begin(leaseMilliseconds: 0) }
            var seen: Set<String> = []
            for _ in 1...6 {
                let claims = try await SagaStore.claimDue(
                    kinds: [Trip.kind],
                    owner: "test",
                    leaseMilliseconds: 60_000,
                    limit: 1,
                    on: trip.pool
                )
                #expect(claims.count == 1)
                seen.formUnion(claims.map { "\($0.subject)" })
            }
            #expect(seen.count == 6)
        }
    }
}
