import PostgresClient
import TestSupport
import Testing

@Suite("Postgres: statements that travel with others")
struct EnqueuedTests {
    @Test func aloneTheyAreATransaction() async throws {
        try await OneTable.with { pool async throws in
            try await pool.withTransaction { (tx: borrowing Transaction) async throws -> Void in
                try tx.enqueue(OneTable.insert, 1)
                try tx.enqueue(OneTable.insert, 2)
            }
            #expect(try await OneTable.count(pool) == 2)
        }
    }

    @Test func theyComeBeforeWhatFollowsAndTheirResultsAreNotItsResults() async throws {
        try await OneTable.with { pool async throws in
            let counts = try await pool.withTransaction {
                (tx: borrowing Transaction) async throws -> [Int64] in
                try tx.enqueue(OneTable.insert, 1)
                let first = try await tx.query("SELECT count(*) FROM t").only().int64(0)
                try tx.enqueue(OneTable.insert, 2)
                try tx.enqueue(OneTable.insert, 3)
                return [first, try await tx.query("SELECT count(*) FROM t").only().int64(0)]
            }
            #expect(counts == [1, 3])
        }
    }

    @Test func onesRefusedWithCommitWriteNothingAndTheConnectionLivesOn() async throws {
        try await OneTable.with { pool async throws in
            for hasBegun in [false, true] {
                do throws(TransactionError<any Error>) {
                    try await pool.withTransaction { (tx: borrowing Transaction) async throws -> Void in
                        if hasBegun { try await tx.execute(OneTable.insert, 1) }
                        try tx.enqueue(OneTable.insert, 2)
                        try tx.enqueue("INSERT INTO nowhere VALUES (1)")
                        try tx.enqueue(OneTable.insert, 3)
                    }
                    Issue.record("must throw")
                } catch {
                    guard case .commitRefused(.refused("42P01", _, _)) = error else {
                        Issue.record("\(error)")
                        continue
                    }
                }
            }
            #expect(try await OneTable.count(pool) == 0)
            #expect(pool.statistics.open == 1 && pool.statistics.idle == 1)
        }
    }

    @Test func oneRefusedIsThrownByWhatItTravelsWith() async throws {
        try await OneTable.with { pool async throws in
            do throws(TransactionError<any Error>) {
                try await pool.withTransaction { (tx: borrowing Transaction) async throws -> Void in
                    try tx.enqueue("INSERT INTO nowhere VALUES (1)")
                    try await tx.execute(OneTable.insert, 1)
                }
                Issue.record("must throw")
            } catch {
                guard case .rolledBack(DatabaseError.refused("42P01", _, _)) = error else {
                    Issue.record("\(error)")
                    return
                }
            }
            #expect(try await OneTable.count(pool) == 0)
            #expect(pool.statistics.open == 1 && pool.statistics.idle == 1)
        }
    }

    @Test func whatThrowsTakesThemWithIt() async throws {
        try await OneTable.with { pool async throws in
            await #expect(throws: TransactionError<any Error>.self) {
                try await pool.withTransaction { (tx: borrowing Transaction) async throws -> Void in
                    try tx.enqueue(OneTable.insert, 1)
                    throw Boom()
                }
            }
            #expect(try await OneTable.count(pool) == 0)
        }
    }

    @Test func aValueThatCannotBeSentIsRefusedAtOnce() async throws {
        try await OneTable.with { pool async throws in
            try await pool.withTransaction { (tx: borrowing Transaction) async throws -> Void in
                #expect(throws: DatabaseError.self) { try tx.enqueue("SELECT $1::text", "a\0b") }
                try tx.enqueue(OneTable.insert, 1)
            }
            #expect(try await OneTable.count(pool) == 1)
        }
    }
}
