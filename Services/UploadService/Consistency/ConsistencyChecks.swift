import Determinism
import Leases
import Logging
import PostgresClient
import ServiceLifecycle

import struct FoundationEssentials.UUID

/// Runs checks, one at a time in the whole deployment. Any number of processes may run it: whoever holds the lease drives the
/// check that is due, and goes on with one whose process died.
struct ConsistencyChecks: Service {
    static let leaseName = "consistency-check"

    let tools: CheckTools
    private let gaps: EventsPart.Gaps?
    private let keeper: LeaseKeeper
    private let logger: Logger

    var pool: PostgresPool { tools.pool }
    var time: any TimeSource { tools.time }

    /// - Parameter gaps: nil when it is not known which versions were published; that part is then left out.
    init(_ tools: CheckTools, gaps: EventsPart.Gaps?, logger: Logger) {
        self.tools = tools
        self.gaps = gaps
        self.logger = logger
        keeper = LeaseKeeper(
            Self.leaseName,
            ttl: tools.settings.lease,
            pool: tools.pool,
            time: tools.time,
            random: tools.random
        )
    }

    /// The check that ended last.
    ///
    /// - Parameter complete: whether only those count that compared everything.
    func newest(complete: Bool) async throws(CheckRefusal) -> StoredCheck? {
        do { return try await CheckStore.newest(complete: complete, on: pool) } catch {
            throw .database(error)
        }
    }

    /// Whether the database is the one the check was made of, and the epoch lasts in which it was begun.
    func holds(_ check: StoredCheck) async throws(CheckRefusal) -> Bool {
        do throws(DatabaseError) {
            guard try await ComparisonStore.incarnation(on: pool) == check.incarnation else { return false }
            return try await CheckStore.holds(check.id, on: pool)
        } catch { throw .database(error) }
    }

    /// What is known best of this database: the newest check that compared everything, unless a later one has found something.
    func verdict() async throws(CheckRefusal) -> StoredCheck? {
        guard let last = try await newest(complete: false), try await holds(last) else { return nil }
        if last.isComplete == true || last.hasFindings { return last }
        guard let complete = try await newest(complete: true), try await holds(complete) else { return nil }
        return complete
    }

    func find(_ id: UUID) async throws(CheckRefusal) -> StoredCheck {
        do {
            guard let check = try await CheckStore.find(id, on: pool) else { throw CheckRefusal.notFound }
            return check
        } catch let error as DatabaseError { throw .database(error) } catch { throw .notFound }
    }

    /// Waits until a check has ended, or `limit` is over.
    ///
    /// - Returns: the check as it stands then.
    func wait(for id: UUID, upTo limit: Duration) async throws(CheckRefusal) -> StoredCheck {
        let until = time.uptime + limit
        while true {
            let check = try await find(id)
            guard check.state == .running, time.uptime < until else { return check }
            do { try await time.sleep(for: .milliseconds(100)) } catch { throw .database(.cancelled) }
        }
    }

    func run() async throws {
        await cancelWhenGracefulShutdown {
            var removeAt = time.uptime
            while !Task.isCancelled {
                await drive()
                if time.uptime >= removeAt {
                    await removeOld()
                    removeAt = time.uptime + tools.settings.removalInterval
                }
                try? await time.sleep(for: tools.settings.pollInterval)
            }
        }
    }

    private func removeOld() async {
        do {
            let count = try await OldCheckStore.remove(olderThan: tools.settings.retention, on: pool)
            if count > 0 { logger.info("old checks removed", metadata: ["count": "\(count)"]) }
        } catch {
            guard !Task.isCancelled else { return }
            logger.warning("old checks cannot be removed", metadata: ["error": "\(error)"])
        }
    }

    /// Drives the running check, if there is one and nobody else does.
    private func drive() async {
        do {
            guard try await CheckStore.running(on: pool) != nil,
                let lease = try await keeper.acquireOrRenew(),
                // Read again: what was saved before the lease was ours is what counts.
                let check = try await CheckStore.running(on: pool)
            else { return }
            await drive(check, lease)
            try await keeper.release()
        } catch {
            logger.warning("consistency checks cannot be driven", metadata: ["error": "\(error)"])
        }
    }

    private func drive(_ check: StoredCheck, _ lease: Lease) async {
        let run = CheckRun(check: check, lease: lease, tools: tools, gaps: gaps, logger: logger)
        logger.notice("consistency check runs", metadata: ["check": "\(check.id.text)"])
        await withTaskGroup(of: Void.self) { group in
            group.addTask {
                await conclude(check, await Result { () async throws(CheckFailure) in try await run.run() })
            }
            group.addTask { await keeper.keep() }
            group.addTask { await untilOver(check.id) }
            await group.next()
            group.cancelAll()
        }
    }

    private func conclude(_ check: StoredCheck, _ result: Result<CheckReport, CheckFailure>) async {
        switch result {
        case .success(let report):
            logger.notice(
                "consistency check ended",
                metadata: [
                    "check": "\(check.id.text)", "complete": "\(report.isComplete)",
                    "is_consistent": "\(report.isConsistent)",
                    "findings": "\(report.counts.values.reduce(0, +))",
                ]
            )
        case .failure(.stopped): break
        case .failure(let failure) where failure.isTransient:
            // It stays RUNNING: whoever looks next goes on with it.
            logger.warning("consistency check interrupted", metadata: ["error": "\(failure)"])
        case .failure(let failure):
            logger.error("consistency check failed", metadata: ["error": "\(failure)"])
            try? await CheckStore.fail(check.id, "\(failure)", on: pool)
        }
    }

    /// Returns when the check does not run any more, because somebody has cancelled it.
    private func untilOver(_ id: UUID) async {
        while !Task.isCancelled {
            do { try await time.sleep(for: .seconds(1)) } catch { return }
            if let check = try? await CheckStore.find(id, on: pool), check.state != .running { return }
        }
    }
}
