import Determinism
import Leases
import Logging
import PostgresClient
import ServiceLifecycle

/// Work that comes round, done by one process at a time: whoever holds the lease of its name.
///
/// A round that a crash has cut short is begun again by whoever leads next; one that was missed is caught up at once.
struct Rounds: Service {
    let name: String
    /// From the end of a round to the next.
    let interval: Duration
    /// At most so much longer, by chance.
    var jitter: Duration = .zero
    /// How often it is looked whether a round is due.
    var look: Duration = .seconds(1)
    let pool: PostgresPool
    let keeper: LeaseKeeper
    let time: any TimeSource
    let random: any RandomSource
    let logger: Logger
    /// One round. Its effects are repeatable: should the lease be lost meanwhile it is cancelled, and another process begins anew.
    let round: @Sendable () async throws -> Void

    init(
        _ name: String,
        every interval: Duration,
        jitter: Duration = .zero,
        look: Duration = .seconds(1),
        _ surroundings: Surroundings,
        _ round: @escaping @Sendable () async throws -> Void
    ) {
        self.name = name
        self.interval = interval
        self.jitter = jitter
        self.look = look
        self.round = round
        pool = surroundings.pool
        time = surroundings.time
        random = surroundings.random
        logger = surroundings.makeLogger(name)
        keeper = LeaseKeeper(
            name,
            ttl: .seconds(30),
            pool: surroundings.pool,
            time: surroundings.time,
            random: surroundings.random
        )
    }

    func run() async throws {
        await cancelWhenGracefulShutdown {
            while !Task.isCancelled {
                var pause = look
                do { try await turn() } catch {
                    logger.warning("a round did not come to its end", metadata: ["error": "\(error)"])
                    pause = max(look, min(interval / 4, .seconds(60)))
                }
                try? await time.sleep(for: pause)
            }
            // Another process may go on at once.
            let keeper = self.keeper
            await Task { try? await keeper.release() }.value
        }
    }

    /// A round, if one is due and nobody else leads.
    ///
    /// - Returns: whether one came to its end.
    @discardableResult
    func turn() async throws -> Bool {
        guard try await RoundStore.isDue(name, every: interval, on: pool),
            let lease = try await keeper.acquireOrRenew(),
            // Looked at again: whoever led before may just have ended one.
            try await RoundStore.isDue(name, every: interval, on: pool)
        else { return false }
        do {
            try await whileLeading(round)
        } catch {
            try await RoundStore.fail(name, "\(error)", on: pool)
            throw error
        }
        return try await RoundStore.finish(name, under: lease, jitter: random.jitter(upTo: jitter), on: pool)
    }

    private struct LeaseLost: Error {}

    private func whileLeading(_ work: @escaping @Sendable () async throws -> Void) async throws {
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { try await work() }
            group.addTask {
                await keeper.keep()
                throw LeaseLost()
            }
            defer { group.cancelAll() }
            try await group.next()
        }
    }
}
