public import Determinism
import Leases
public import Logging
public import PostgresClient
public import ServiceBootstrap
public import ServiceLifecycle

/// Notices that the database is another than it was, that an earlier copy of its disk was put back, or that its clock has jumped, and
/// switches safe mode on. Any number may run.
///
/// Until it has, no version can be written (`first_version()` refuses) and nothing is destroyed, so it may take its time. When
/// the store does not answer it waits: only the bucket knows which epochs were begun.
public struct IncarnationWatch: Service {
    /// Another process of the same database decides at the moment.
    public struct Busy: Error {}

    private let pool: PostgresPool
    private let marks: EpochMarks?
    private let high: HighWaterMarks
    private let witness = DatabaseWitness()
    private let keeper: LeaseKeeper
    private let time: any TimeSource
    private let logger: Logger
    private let interval: Duration = .seconds(1)
    /// The bucket is asked so much more rarely than the database.
    private let looksPerMark = 30

    /// Of the last mark, when the process stops.
    private let partingLimit: Duration = .seconds(3)

    /// - Parameter marks: of the service that gives out versions; nil for one whose versions are others'.
    public init(
        pool: PostgresPool,
        marks: EpochMarks?,
        high: HighWaterMarks,
        time: any TimeSource,
        random: any RandomSource,
        logger: Logger
    ) {
        self.pool = pool
        self.marks = marks
        self.high = high
        self.time = time
        self.logger = logger
        keeper = LeaseKeeper("incarnation", ttl: .seconds(20), pool: pool, time: time, random: random)
    }

    public func run() async throws {
        await cancelWhenGracefulShutdown {
            var looks = 0
            while !Task.isCancelled {
                do {
                    _ = try await look(atMarks: looks % looksPerMark == 0)
                    looks += 1
                } catch is Busy {
                    logger.info("another process looks at the database's identity")
                } catch {
                    logger.warning("the database's identity cannot be told", metadata: ["error": "\(error)"])
                }
                try? await time.sleep(for: interval)
            }
            await part()
        }
    }

    /// The last mark is the highest. Work of its own: the task that stops is cancelled.
    private func part() async {
        await Task {
            await withTaskGroup(of: Void.self) { group in
                group.addTask { _ = try? await look() }
                group.addTask { try? await time.sleep(for: partingLimit) }
                await group.next()
                group.cancelAll()
            }
        }.value
    }

    /// - Parameter atMarks: whether the bucket's marks are looked at though nothing is suspicious. A copy of the disk that is put
    ///   back has its identity still, but may know nothing of the last epoch, or of what was written lately.
    /// - Returns: whether safe mode was entered now.
    public func look(atMarks: Bool = true) async throws -> Bool {
        let sight = try await ClockStore.look(on: pool, time)
        let isKnown = witness.isAbout(sight)
        if let cause = witness.cause(sight) {
            logger.warning("the database is not what it was", metadata: ["cause": "\(cause)"])
        } else if isKnown {
            // Without the store: it may be away for long, and this process has watched the clock all the time.
            try await ClockStore.vouch(on: pool)
        }
        let atMarks = atMarks || !isKnown || !sight.isClockWatched
        guard try await cause(sight, atMarks: atMarks) != nil else {
            if !sight.isClockWatched { try await ClockStore.adopt(sight, on: pool) }
            witness.remember(sight)
            if atMarks { try await high.raise(to: sight) }
            return false
        }
        guard let lease = try await keeper.acquireOrRenew() else { throw Busy() }
        do {
            let hasEntered = try await enter(under: lease)
            try await keeper.release()
            return hasEntered
        } catch {
            try? await keeper.release()
            throw error
        }
    }

    private struct Cause: Equatable {
        let text: String
        /// That begins.
        let epoch: Int64
    }

    /// Why safe mode is to be entered.
    private func cause(_ sight: DatabaseSight, atMarks: Bool) async throws -> Cause? {
        let standing = try await SafeModeStore.standing(on: pool)
        let seen = witness.cause(sight)
        guard !standing.isTakenIn || seen != nil || atMarks else { return nil }
        let newest = max(try await marks?.newest() ?? 0, try await high.newestEpoch())
        let next = max(newest, standing.epoch) + 1
        if !standing.isTakenIn {
            return Cause(text: "the database is another one than before", epoch: next)
        }
        if let seen { return Cause(text: seen, epoch: next) }
        if newest > standing.epoch {
            return Cause(
                text: "the database knows nothing of epoch \(newest), which has begun",
                epoch: next
            )
        }
        let mark = try await high.mark(of: sight)
        // Once more behind a mark, which another process may have raised meanwhile.
        if sight.inserted < mark {
            let again = try await ClockStore.look(on: pool, time)
            if again.inserted < mark {
                return Cause(text: DatabaseSight.goneBack(again.inserted, mark), epoch: next)
            }
        }
        // The store has answered to a signed request just now, so it and this process are of one time.
        let difference = time.now.duration(since: sight.now)
        guard !sight.isClockWatched, DatabaseSight.isTooFar(difference) else { return nil }
        return Cause(
            text: "the database's clock differs from the others' by \(difference.components.seconds) s",
            epoch: next
        )
    }

    /// Looked at again: whoever held the lease before may have been faster.
    private func enter(under lease: Lease) async throws -> Bool {
        let sight = try await ClockStore.look(on: pool, time)
        guard let cause = try await cause(sight, atMarks: true) else { return false }
        // Before the database takes it: an epoch that was only begun is skipped, one that is used twice mixes two histories.
        try await marks?.begin(cause.epoch)
        let hasEntered = try await pool.withTransaction {
            (tx: borrowing Transaction) async throws -> Bool in
            guard try await LeaseStore.isCurrent(lease, in: tx) else { throw Busy() }
            // From here on it is the stay that holds what destroys.
            try await ClockStore.adopt(sight, in: tx)
            return try await SafeModeStore.enter(epoch: cause.epoch, cause: cause.text, in: tx)
        }
        if hasEntered {
            logger.critical(
                "safe mode: nothing is destroyed until an operator leaves it",
                metadata: ["cause": "\(cause.text)", "epoch": "\(cause.epoch)"]
            )
        }
        return hasEntered
    }
}

extension SafeMode {
    private struct On: Error, CustomStringConvertible {
        let description = "safe mode is on: nothing is destroyed; see waybill safe-mode show"
    }

    /// Shows it where operators look. A service in safe mode is ready.
    public static func show(_ pool: PostgresPool, in metrics: MetricsRegistry, _ health: HealthRegistry) {
        metrics.gauge("waybill_safe_mode", help: "1 while safe mode is on: nothing is destroyed.") {
            guard let isOn = try? await isOn(on: pool) else { return [] }
            return [Sample(isOn ? 1 : 0)]
        }
        health.add("safe_mode", required: false) { if try await isOn(on: pool) { throw On() } }
    }
}
