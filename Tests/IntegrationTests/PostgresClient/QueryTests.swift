import Determinism
import PostgresClient
import ServiceBootstrap
import TestSupport
import Testing

import struct FoundationEssentials.UUID

@Suite("Postgres: values there and back")
struct QueryTests {
    @Test func everyTypeComesBackAsItWent() async throws {
        try await TestDatabase.withSchema { pool async throws in
            let id = UUID()
            let at = Timestamp(microsecondsSinceEpoch: 1_795_000_000_123_456)
            let row = try await pool.query(
                """
                SELECT $1::text, $2::int8, $3::bool, $4::uuid, $5::timestamptz, $6::bytea, $7::text[], $8::int8[], $9::text, $10::float8
                """,
                "ü\u{202E}😀",
                Int64.min,
                true,
                id,
                at,
                [UInt8]([0, 1, 255]),
                ["a", "", "{\"x\"}"],
                [Int64.max, -1],
                String?.none,
                1.5
            ).only()
            #expect(try row.text(0) == "ü\u{202E}😀")
            #expect(try row.int64(1) == .min)
            #expect(try row.bool(2))
            #expect(try row.uuid(3) == id)
            #expect(try row.timestamp(4) == at)
            #expect(try row.bytes(5) == [0, 1, 255])
            #expect(try row.textArray(6) == ["a", "", "{\"x\"}"])
            #expect(try row.int64Array(7) == [.max, -1])
            #expect(try row.optionalText(8) == nil)
            #expect(try row.isNull(8))
            #expect(try row.double(9) == 1.5)
        }
    }

    @Test func arraysOfEveryKindReachTheServer() async throws {
        try await TestDatabase.withSchema { pool async throws in
            let id = UUID()
            let rows = try await pool.query(
                """
                SELECT * FROM unnest($1::uuid[], $2::timestamptz[], $3::bytea[], $4::text[], $5::int4[], $6::bool[]) AS t(a,b,c,d,e,f)
                """,
                [id],
                [Timestamp(secondsSinceEpoch: 7)],
                [[UInt8]([9])],
                [String?.none],
                [Int32(-5)],
                [true]
            )
            let row = try rows.only()
            #expect(try row.uuid(0) == id)
            #expect(try row.timestamp(1) == Timestamp(secondsSinceEpoch: 7))
            #expect(try row.bytes(2) == [9])
            #expect(try row.optionalText(3) == nil)
            #expect(try row.int(4) == -5)
            #expect(try row.bool(5))
        }
    }

    @Test func textReadsWhatHasATextForm() async throws {
        try await TestDatabase.withSchema { pool async throws in
            try await pool.execute("CREATE TYPE mood AS ENUM ('glad')")
            let row = try await pool.query(
                """
                SELECT 'glad'::mood, '{"a": 1}'::jsonb, '[1]'::json, '12345678901234567890'::xid8, '10:20:10,14'::pg_snapshot,
                       -1234.0560::numeric, 0.00001::numeric, 120000000::numeric, 'n'::name, '2026-11-21'::date, 5::int2, count(*), sum(7::int8)
                FROM (VALUES (1), (2)) AS t(x)
                """
            ).only()
            let expected = [
                "glad", "{\"a\": 1}", "[1]", "12345678901234567890", "10:20:10,14", "-1234.0560", "0.00001",
                "120000000", "n",
                "2026-11-21", "5", "2", "14",
            ]
            for (column, text) in expected.enumerated() { #expect(try row.text(column) == text) }
            #expect(try row.int(12) == 14)
        }
    }

    @Test func aWrongReadIsAnErrorAndNeverATrap() async throws {
        try await TestDatabase.withSchema { pool async throws in
            let rows = try await pool.query(
                "SELECT 1::int4, NULL::text, 'infinity'::timestamptz, 2^40::int8, ROW(1, 2)"
            )
            let row = rows[0]
            for read in [
                { try row.uuid(0) as Any }, { try row.text(1) }, { try row.timestamp(2) },
                { try row.text(99) },
                { try row.text(-1) }, { try rows[7].int(0) }, { try row.bytes(0) }, { try row.textArray(0) },
                { try row.text(4) }, { try row.bool(3) },
            ] as [() throws -> Any] {
                #expect(throws: DatabaseError.self) { try read() }
            }
        }
    }

    @Test func aNulIsRefusedAndTheConnectionStaysUsable() async throws {
        try await TestDatabase.withSchema { pool async throws in
            await #expect(
                throws: DatabaseError.invalidValue(
                    "parameter $1 contains a NUL character, which PostgreSQL text cannot hold"
                )
            ) {
                try await pool.query("SELECT $1::text", "a\u{0}")
            }
            try await pool.ping()
        }
    }

    @Test func aFailedPrepareIsNotRemembered() async throws {
        try await TestDatabase.withSchema({ $0.connectionLimit = 1 }) { pool async throws in
            let statement: Statement = "SELECT x FROM later"
            for _ in 0..<2 {
                await #expect(throws: DatabaseError.self) { try await pool.query(statement) }
            }
            try await pool.execute("CREATE TABLE later (x) AS SELECT 5")
            #expect(try await pool.query(statement).only().int(0) == 5)
            #expect(pool.statistics.open == 1)
        }
    }

    @Test func aChangedTableCostsOneErrorAndNotTheConnection() async throws {
        try await TestDatabase.withSchema({ $0.connectionLimit = 1 }) { pool async throws in
            try await pool.execute("CREATE TABLE t (x) AS SELECT 5")
            let statement: Statement = "SELECT * FROM t"
            _ = try await pool.query(statement)
            try await pool.execute("ALTER TABLE t ALTER x TYPE text")
            _ = try? await pool.query(statement)
            #expect(try await pool.query(statement).only().text(0) == "5")
        }
    }

    @Test func refusalsNameStateAndConstraint() async throws {
        try await TestDatabase.withSchema { pool async throws in
            try await pool.execute("CREATE TABLE t (x int CONSTRAINT t_positive CHECK (x > 0))")
            do throws(DatabaseError) {
                try await pool.execute("INSERT INTO t VALUES ($1)", -1)
                Issue.record("must be refused")
            } catch {
                #expect(error.isViolation(of: "t_positive"))
                guard case .refused("23514", _, _) = error else { Issue.record("\(error)"); return }
            }
        }
    }

    @Test func aPipelineIsAllOrNothing() async throws {
        try await TestDatabase.withSchema { pool async throws in
            try await pool.execute("CREATE TABLE t (x int PRIMARY KEY)")
            let insert: Statement = "INSERT INTO t SELECT unnest($1::int8[])"
            let counts = try await pool.pipeline([
                BoundStatement(insert, [1, 2]), BoundStatement(insert, [3]),
            ])
            #expect(counts.map(\.affectedRowCount) == [2, 1])
            await #expect(throws: DatabaseError.self) {
                try await pool.pipeline([BoundStatement(insert, [4]), BoundStatement(insert, [1])])
            }
            #expect(try await pool.query("SELECT count(*) FROM t").only().int(0) == 3)
        }
    }

    @Test func copyLoadsAllOrNothing() async throws {
        try await TestDatabase.withSchema { pool async throws in
            try await pool.execute("CREATE TABLE t (id int8 PRIMARY KEY, name text, body bytea)")
            let copy: Statement = "COPY t (id, name, body) FROM STDIN"
            let body = [UInt8](repeating: 0xAB, count: 200)
            let rows: [[(any PostgresEncodable)?]] = (1...20_000).map {
                [$0, $0 % 2 == 0 ? nil : "a\tb\\\n", body]
            }
            #expect(try await pool.copyIn(copy, rows: rows) == 20_000)
            let row = try await pool.query(
                "SELECT count(*), count(name), min(name), sum(length(body)) FROM t"
            ).only()
            #expect(try row.int(0) == 20_000)
            #expect(try row.int(1) == 10_000)
            #expect(try row.text(2) == "a\tb\\\n")
            #expect(try row.int(3) == 4_000_000)
            await #expect(throws: DatabaseError.self) {
                try await pool.copyIn(copy, rows: [[30_000, "x", nil], [1, "y", nil]])
            }
            await #expect(throws: DatabaseError.self) { try await pool.query(copy) }
            #expect(try await pool.query("SELECT count(*) FROM t").only().int(0) == 20_000)
        }
    }

    @Test func largeValuesAndResultsPassBothWays() async throws {
        try await TestDatabase.withSchema { pool async throws in
            let body = (0..<8).flatMap { [UInt8](repeating: UInt8($0), count: 1_000_000) }
            let row = try await pool.query("SELECT $1::bytea, length($1::bytea)", body).only()
            #expect(try row.bytes(0) == body)
        }
    }
}
