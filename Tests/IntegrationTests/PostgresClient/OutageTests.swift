import Foundation
import PostgresClient
import ServiceBootstrap
import Synchronization
import TestSupport
import Testing

@Suite("Postgres: outages and what is left behind", .serialized)
struct OutageTests {
    private let time = SystemTime()

    @Test(arguments: ["fast", "immediate"])
    func thePoolRecoversFromARestartUnderLoadByItself(mode: String) async throws {
        try await ThrowawayCluster.with { cluster in
            var settings = cluster.settings
            settings.connectionLimit = 4
            settings.leaseWaitLimit = .milliseconds(500)
            let pool = TestDatabase.makePool(settings)
            let heard = Mutex<[String]>([])
            let stream = pool.listen("bell")
            let listening = Task { for await payload in stream { heard.withLock { $0.append(payload) } } }
            try await eventually("listening") { heard.withLock { $0 } == [""] }
            try await pool.execute("CREATE TABLE t (task int, round int, PRIMARY KEY (task, round))")

            let load = Load(pool)
            let tasks = (0..<8).map { task in Task { await load.run(task) } }
            try await eventually("load") { load.confirmed.count > 50 }
            try await cluster.stop(mode)
            let errorCount = load.errorCount
            try await eventually("outage seen") { load.errorCount > errorCount }
            let start = time.uptime
            await #expect { try await pool.ping() } throws: { ($0 as? DatabaseError)?.isTransient == true }
            #expect(time.uptime - start < .seconds(10))
            try await cluster.start()
            let confirmedCount = load.confirmed.count
            try await eventually("recovered") { load.confirmed.count > confirmedCount + 50 }
            load.stop()
            for task in tasks { await task.value }

            try await eventually("listening again") {
                heard.withLock { $0.last } == "" && heard.withLock { $0.count } > 1
            }
            try await pool.execute("SELECT pg_notify('bell', 'ding')")
            try await eventually("heard") { heard.withLock { $0.last } == "ding" }
            listening.cancel()

            try await check(load, pool, isDurable: mode == "fast")
            await pool.close()
        }
    }

    /// What was confirmed is there; what is there was confirmed or its outcome was unknown.
    private func check(_ load: Load, _ pool: PostgresPool, isDurable: Bool) async throws {
        let rows = try await pool.query("SELECT task, round FROM t")
        var present: Set<[Int]> = []
        for row in rows { present.insert([try row.int(0), try row.int(1)]) }
        #expect(load.confirmed.subtracting(present).isEmpty)
        #expect(present.subtracting(load.confirmed).subtracting(load.unknown).isEmpty)
    }

    @Test func aPoolMadeWhileTheServerIsDownComesUpWithIt() async throws {
        try await ThrowawayCluster.with { cluster in
            try await cluster.stop("fast")
            var settings = cluster.settings
            settings.leaseWaitLimit = .milliseconds(200)
            let pool = TestDatabase.makePool(settings)
            await #expect { try await pool.ping() } throws: { error in
                if case .unavailable? = error as? DatabaseError { return true }
                return false
            }
            try await cluster.start()
            try await eventually("up") {
                try await pool.ping()
                return true
            }
            await pool.close()
        }
    }

    @Test("I46 a closed pool leaves no descriptor, thread or session behind")
    func aClosedPoolLeavesNothingBehind() async throws {
        try await ThrowawayCluster.with { cluster in
            for _ in 0..<20 {
                let pool = TestDatabase.makePool(cluster.settings)
                let stream = pool.listen("bell")
                try await withThrowingTaskGroup(of: Void.self) { group in
                    for _ in 0..<8 { group.addTask { try await pool.execute("SELECT pg_sleep(0.01)") } }
                    try await group.waitForAll()
                }
                var iterator = stream.makeAsyncIterator()
                #expect(await iterator.next() == "")
                let socket = try await pool.query("SHOW unix_socket_directories").only().text(0)
                await pool.close()
                #expect(await iterator.next() == nil)
                try await eventually("sockets to \(socket) closed") { try self.openSockets(socket) == 0 }
            }
            let pool = TestDatabase.makePool(cluster.settings)
            try await eventually("sessions ended") {
                try await pool.query(
                    "SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'client backend'"
                )
                .only().int(0) == 1
            }
            await pool.close()
        }
    }

    @Test("I46 pools that come and go leave the number of threads and descriptors as it was")
    func descriptorsAndThreadsStayFlat() async throws {
        func count(_ folder: String) throws -> Int {
            try FileManager.default.contentsOfDirectory(atPath: folder).count
        }
        try await ThrowawayCluster.with { cluster in
            func round() async throws {
                let pool = TestDatabase.makePool(cluster.settings)
                try await pool.ping()
                await pool.close()
            }
            try await round()
            // Other tests run beside this one, so look for the lowest count; 100 leaks would be far above it.
            let descriptorCount = try count("/proc/self/fd")
            let threadCount = try count("/proc/self/task")
            for _ in 0..<100 { try await round() }
            try await eventually("descriptors released") {
                try count("/proc/self/fd") < descriptorCount + 100
            }
            try await eventually("threads ended") { try count("/proc/self/task") < threadCount + 60 }
        }
    }

    /// Sockets of this process that are connected to the server in `folder`. The path is on the server's end; ours has none,
    /// so the kernel's table is searched for the server's accepted ends.
    private func openSockets(_ folder: String) throws -> Int {
        let table = try String(contentsOfFile: "/proc/net/unix", encoding: .utf8)
        // State 03 is "connected", 01 "listening or unconnected".
        return table.split(separator: "\n").count { line in
            let fields = line.split(separator: " ")
            return fields.count == 8 && fields[5] == "03" && fields[7].hasPrefix(folder)
        }
    }
}

/// Writers that go on through every failure and keep book of what they were told.
private final class Load: Sendable {
    private struct Book {
        var confirmed: Set<[Int]> = []
        var unknown: Set<[Int]> = []
        var errorCount = 0
        var isStopped = false
    }
    private let pool: PostgresPool
    private let book = Mutex(Book())

    init(_ pool: PostgresPool) { self.pool = pool }

    var confirmed: Set<[Int]> { book.withLock { $0.confirmed } }
    var unknown: Set<[Int]> { book.withLock { $0.unknown } }
    var errorCount: Int { book.withLock { $0.errorCount } }
    func stop() { book.withLock { $0.isStopped = true } }

    func run(_ task: Int) async {
        var round = 0
        while !book.withLock({ $0.isStopped }) {
            round += 1
            do throws(TransactionError<DatabaseError>) {
                try await pool.withTransaction {
                    (tx: borrowing Transaction) async throws(DatabaseError) -> Void in
                    try await tx.execute("INSERT INTO t VALUES ($1, $2)", task, round)
                }
                book.withLock { _ = $0.confirmed.insert([task, round]) }
            } catch {
                book.withLock { book in
                    book.errorCount += 1
                    if case .commitOutcomeUnknown = error { book.unknown.insert([task, round]) }
                }
            }
        }
    }
}
