import Determinism
import Logging
import PostgresClient
import ServiceBootstrap
import ServiceLifecycle
import TestSupport
import Testing

@Suite("Postgres: the pool on bad days")
struct PoolTests {
    private let time = SystemTime()

    @Test func anExhaustedPoolAnswersWithinItsLimit() async throws {
        try await TestDatabase.withSchema({
            $0.connectionLimit = 1
            $0.leaseWaitLimit = .seconds(2)
        }) { pool async throws in
            let error = await ending(pool) {
                (tx: borrowing Transaction) async throws(DatabaseError) -> Void in
                try await tx.execute("SELECT 1")
                let start = time.uptime
                do throws(DatabaseError) {
                    try await pool.execute("SELECT 1")
                    Issue.record("there is no second connection")
                } catch { #expect(error == .unavailable("no connection within 2.0 seconds: 1 of 1 in use")) }
                let waited = time.uptime - start
                #expect(waited >= .seconds(2) && waited < .seconds(15))
                #expect(pool.statistics == PoolStatistics.expected(open: 1, leases: 1))
            }
            #expect(error == nil)
            try await pool.ping()
        }
    }

    @Test func cancellationWhileWaitingGivesThePlaceUp() async throws {
        try await TestDatabase.withSchema({ $0.connectionLimit = 1 }) { pool async throws in
            let error = await ending(pool) {
                (tx: borrowing Transaction) async throws(DatabaseError) -> Void in
                try await tx.execute("SELECT 1")
                let waiting = Task { try await pool.execute("SELECT 1") }
                do {
                    try await eventually("waiting") { pool.statistics.waiting == 1 }
                    waiting.cancel()
                    let result = await waiting.result
                    #expect { try result.get() } throws: { $0 as? DatabaseError == .cancelled }
                    #expect(pool.statistics.waiting == 0)
                } catch { Issue.record(error) }
            }
            #expect(error == nil)
            #expect(pool.statistics == PoolStatistics.expected(open: 1, idle: 1))
        }
    }

    @Test func cancellationWhileRunningClosesTheConnectionAndStopsTheServer() async throws {
        try await TestDatabase.withSchema { pool async throws in
            let task = Task { try await pool.execute("SELECT pg_sleep(60)") }
            try await untilRunning("SELECT pg_sleep(60)", in: pool)
            let start = time.uptime
            task.cancel()
            let result = await task.result
            #expect { try result.get() } throws: { $0 as? DatabaseError == .cancelled }
            #expect(time.uptime - start < .seconds(15))
            #expect(pool.statistics.leases == 0)
            try await eventually("the server notices") {
                try await pool.query(
                    """
                    SELECT count(*) FROM pg_stat_activity
                    WHERE query LIKE 'SELECT pg_sleep(60)%' AND state = 'active'
                      AND application_name = current_setting('application_name') AND pid <> pg_backend_pid()
                    """
                ).only().int(0) == 0
            }
        }
    }

    @Test func aCancelledTaskSendsNothing() async throws {
        try await TestDatabase.withSchema { pool async throws in
            try await pool.execute("CREATE TABLE t (x int)")
            let task = Task {
                withUnsafeCurrentTask { $0?.cancel() }
                try await pool.execute("INSERT INTO t VALUES (1)")
            }
            let result = await task.result
            #expect { try result.get() } throws: { $0 as? DatabaseError == .cancelled }
            #expect(try await pool.query("SELECT count(*) FROM t").only().int(0) == 0)
        }
    }

    @Test func theServerCancelsASlowStatementAndTheConnectionLivesOn() async throws {
        try await TestDatabase.withSchema({
            $0.connectionLimit = 1
            $0.statementTimeout = .milliseconds(200)
        }) { pool async throws in
            await #expect { try await pool.execute("SELECT pg_sleep(60)") } throws: {
                ($0 as? DatabaseError)?.isTimeout == true
            }
            #expect(pool.statistics == PoolStatistics.expected(open: 1, idle: 1))
        }
    }

    @Test func aServerThatDoesNotAnswerCostsTheConnection() async throws {
        try await TestDatabase.withSchema({
            $0.connectionLimit = 1
            $0.statementTimeout = .milliseconds(200)
        }) { pool async throws in
            // The statement lifts the server's own limit, so only the client's is left.
            let lift: Statement = "SELECT set_config('statement_timeout', '0', false)"
            try await pool.execute(lift)
            let start = time.uptime
            await #expect { try await pool.execute("SELECT pg_sleep(60)") } throws: {
                ($0 as? DatabaseError)?.isTimeout == true
            }
            #expect(time.uptime - start < .seconds(15))
            #expect(pool.statistics.open == 0)
            try await pool.ping()
        }
    }

    @Test func aTransactionThatLastsTooLongIsEnded() async throws {
        try await TestDatabase.withSchema({ $0.leaseLimit = .milliseconds(300) }) { pool async throws in
            let error = await ending(pool) {
                (tx: borrowing Transaction) async throws(DatabaseError) -> Void in
                for _ in 0..<10 { try await tx.execute("SELECT pg_sleep(0.1)") }
            }
            guard case .rolledBack(.timedOut)? = error else { Issue.record("\(error as Any)"); return }
            #expect(pool.statistics.leases == 0)
        }
    }

    @Test("I48 a connection left inside a transaction is not lent again")
    func anOpenTransactionIsNotPooled() async throws {
        try await TestDatabase.withSchema({ $0.connectionLimit = 1 }) { pool async throws in
            try await pool.execute("BEGIN")
            #expect(pool.statistics.open == 0)
            try await pool.execute("CREATE TABLE t (x int)")
            #expect(try await pool.query("SELECT pg_current_xact_id_if_assigned() IS NULL").only().bool(0))
        }
    }

    @Test func sixtyFourTasksOnFourConnections() async throws {
        try await TestDatabase.withSchema({
            $0.connectionLimit = 4
            $0.leaseWaitLimit = .seconds(60)
        }) { pool async throws in
            try await pool.execute("CREATE TABLE account (id int PRIMARY KEY, amount int NOT NULL)")
            try await pool.execute("INSERT INTO account SELECT n, 100 FROM generate_series(0, 15) AS n")
            let overruns = Tally()
            try await withThrowingTaskGroup(of: Void.self) { group in
                for task in 0..<64 {
                    group.addTask {
                        for round in 0..<8 {
                            let (from, to) = ((task + round) % 16, (task * 7 + round + 1) % 16)
                            try await pool.withRetriedTransaction(attemptLimit: 50) {
                                (tx: borrowing Transaction) async throws(DatabaseError) -> Void in
                                try await tx.execute(
                                    "UPDATE account SET amount = amount - 1 WHERE id = $1",
                                    from
                                )
                                try await tx.execute(
                                    "UPDATE account SET amount = amount + 1 WHERE id = $1",
                                    to
                                )
                            }
                            let echoed = try await pool.query("SELECT $1::int8", task * 100 + round).only()
                                .int(0)
                            #expect(echoed == task * 100 + round)
                            if pool.statistics.open > 4 { overruns.add() }
                        }
                    }
                }
                try await group.waitForAll()
            }
            #expect(try await pool.query("SELECT sum(amount) FROM account").only().int(0) == 1600)
            #expect(overruns.count == 0)
            #expect(pool.statistics == PoolStatistics.expected(open: 4, idle: 4))
        }
    }

    @Test func idleConnectionsThatDieAreReplaced() async throws {
        try await TestDatabase.withSchema({ $0.connectionLimit = 2 }) { pool async throws in
            let pid = try await pool.query("SELECT pg_backend_pid()").only().int(0)
            try await TestDatabase.withSchema { other async throws in
                try await other.execute("SELECT pg_terminate_backend($1)", pid)
            }
            try await eventually("noticed") { pool.statistics.open == 0 }
            let next = try await pool.query("SELECT pg_backend_pid()").only().int(0)
            #expect(next != pid)
        }
    }

    @Test func aServerWithoutTLSIsRefusedWhenTLSIsRequired() async throws {
        var settings = try TestDatabase.settings()
        settings.conninfo += settings.conninfo.contains("?") ? "&sslmode=require" : "?sslmode=require"
        settings.leaseWaitLimit = .milliseconds(500)
        let pool = TestDatabase.makePool(settings)
        await #expect { try await pool.ping() } throws: { error in
            guard case .unavailable(let reason)? = error as? DatabaseError else { return false }
            return reason.contains("server does not support SSL, but SSL was required")
        }
        await pool.close()
    }

    @Test(arguments: [
        "postgresql://u:hunter2@127.0.0.1:1/x", "hunter2 is no conninfo",
        "postgresql://u:hunter2@h:badport/x",
    ])
    func anUnreachableServerIsUnavailableWithoutSecrets(conninfo: String) async throws {
        var settings = PostgresSettings(conninfo: conninfo, applicationName: "waybill-test")
        settings.leaseWaitLimit = .milliseconds(400)
        let pool = TestDatabase.makePool(settings)
        let start = time.uptime
        await #expect { try await pool.ping() } throws: { error in
            guard case .unavailable(let reason)? = error as? DatabaseError else { return false }
            return !reason.contains("hunter2") && !reason.isEmpty
        }
        #expect(time.uptime - start < .seconds(15))
        await pool.close()
    }

    @Test func runEndsWithGracefulShutdownAndRefusesWorkAfterwards() async throws {
        try await TestDatabase.withSchema { pool async throws in
            let group = ServiceGroup(services: [pool], logger: .init(label: "test"))
            try await withThrowingTaskGroup(of: Void.self) { tasks in
                tasks.addTask { try await group.run() }
                _ = try await pool.execute("SELECT 1")
                await group.triggerGracefulShutdown()
                try await tasks.waitForAll()
            }
            #expect(pool.statistics.open == 0)
            await #expect(throws: DatabaseError.unavailable("the pool is closed")) { try await pool.ping() }
        }
    }
}

extension PoolStatistics {
    static func expected(open: Int, idle: Int = 0, waiting: Int = 0, leases: Int = 0) -> PoolStatistics {
        PoolStatistics(open: open, idle: idle, waiting: waiting, leases: leases)
    }
}

extension DatabaseError {
    var isTimeout: Bool {
        if case .timedOut = self { return true }
        return false
    }
}
