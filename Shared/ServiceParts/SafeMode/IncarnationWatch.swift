public import Determinism
import Leases
public import Logging
public import PostgresClient
public import ServiceBootstrap
public import ServiceLifecycle

/// Notices that the database is another than it was, and switches safe mode on. Any number may run.
///
/// Until it has, no version can be written (`first_version()` refuses) and nothing is destroyed, so it may take its time. When
/// the store does not answer it waits: only the bucket knows which epochs were begun.
public struct IncarnationWatch: Service {
    /// Another process of the same database decides at the moment.
    public struct Busy: Error {}

    private let pool: PostgresPool
    private let marks: EpochMarks?
    private let keeper: LeaseKeeper
    private let time: any TimeSource
    private let logger: Logger
    private let interval: Duration = .seconds(1)
    /// The bucket is asked so much more rarely than the database.
    private let looksPerMark = 30

    /// - Parameter marks: of the service that gives out versions; nil for one whose versions are others'.
    public init(
        pool: PostgresPool,
        marks: EpochMarks?,
        time: any TimeSource,
        random: any RandomSource,
        logger: Logger
    ) {
        self.pool = pool
        self.marks = marks
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
        }
    }

    /// - Parameter atMarks: whether the bucket's marks are looked at though the identity is the one that is known. A copy of the
    ///   disk that is put back has its identity still, but may know nothing of the last epoch.
    /// - Returns: whether safe mode was entered now.
    public func look(atMarks: Bool = true) async throws -> Bool {
        guard try await cause(atMarks) != nil else { return false }
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

    /// Why safe mode is to be entered, and the epoch that begins.
    private func cause(_ atMarks: Bool) async throws -> (text: String, epoch: Int64)? {
        let standing = try await SafeModeStore.standing(on: pool)
        guard !standing.isTakenIn || atMarks else { return nil }
        let newest = try await marks?.newest() ?? 0
        if !standing.isTakenIn {
            return ("the database is another one than before", max(newest, standing.epoch) + 1)
        }
        guard newest > standing.epoch else { return nil }
        return ("the database knows nothing of epoch \(newest), which has begun", newest + 1)
    }

    /// Looked at again: whoever held the lease before may have been faster.
    private func enter(under lease: Lease) async throws -> Bool {
        guard let (text, epoch) = try await cause(true) else { return false }
        // Before the database takes it: an epoch that was only begun is skipped, one that is used twice mixes two histories.
        try await marks?.begin(epoch)
        let hasEntered = try await pool.withTransaction {
            (tx: borrowing Transaction) async throws -> Bool in
            guard try await LeaseStore.isCurrent(lease, in: tx) else { throw Busy() }
            return try await SafeModeStore.enter(epoch: epoch, cause: text, in: tx)
        }
        if hasEntered {
            logger.critical(
                "safe mode: nothing is destroyed until an operator leaves it",
                metadata: ["cause": "\(text)", "epoch": "\(epoch)"]
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
