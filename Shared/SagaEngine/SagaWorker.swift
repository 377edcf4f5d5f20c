import Correlation
public import Determinism
public import FaultPoints
public import Logging
public import PostgresClient
public import ServiceLifecycle

/// One kind of saga as the worker sees it.
public struct SagaKind: Sendable {
    public let name: String
    let drive: @Sendable (SagaClaim) async -> SagaEnd

    /// - Parameter decode: makes the steps' context from what was stored with the saga.
    public init<Context: Sendable>(
        _ runner: SagaRunner<Context>,
        decode: @escaping @Sendable (SagaClaim) throws -> Context
    ) {
        name = runner.saga.kind
        drive = { claim in
            do {
                return await runner.drive(claim, try decode(claim))
            } catch {
                return .postponed(reason: "the stored context cannot be read: \(error)")
            }
        }
    }
}

/// Claims sagas that are due (their time has come, or the process that drove them has died) and drives
/// them to an end. Any number of workers may run; the claim's epoch decides.
public struct SagaWorker: Service {
    private let kinds: [SagaKind]
    private let owner: String
    private let heartbeat: SagaHeartbeat
    private let pollInterval: Duration
    private let concurrencyLimit: Int
    private let pool: PostgresPool
    private let time: any TimeSource
    private let random: any RandomSource
    private let faults: any Faults
    private let logger: Logger

    /// - Parameters:
    ///   - lease: after this long without a sign of life another process may claim a saga.
    ///   - pollInterval: the longest time a due saga waits for a worker that has nothing else to do.
    public init(
        _ kinds: [SagaKind],
        lease: Duration,
        pollInterval: Duration = .seconds(1),
        concurrencyLimit: Int = 4,
        pool: PostgresPool,
        time: any TimeSource,
        random: any RandomSource,
        faults: any Faults = NoFaults(),
        logger: Logger
    ) {
        self.kinds = kinds
        heartbeat = SagaHeartbeat(lease: lease, pool: pool, time: time)
        self.pollInterval = pollInterval
        self.concurrencyLimit = concurrencyLimit
        self.pool = pool
        self.time = time
        self.random = random
        self.faults = faults
        self.logger = logger
        owner = String(random.nextUInt64(), radix: 36)
    }

    public func run() async throws {
        await cancelWhenGracefulShutdown {
            await withDiscardingTaskGroup { group in
                for _ in 0..<concurrencyLimit { group.addTask { await self.work() } }
            }
        }
    }

    private func work() async {
        while !Task.isCancelled {
            switch await driveOne() {
            case .drove: continue
            case .foundNothing:
                try? await time.sleep(for: pollInterval / 2 + random.jitter(upTo: pollInterval / 2))
            case .failed:
                // Leases ran out while nobody could renew them. Whoever lives is heard within a third of one.
                try? await time.sleep(for: max(pollInterval, heartbeat.lease / 2))
            }
        }
    }

    private enum Turn { case drove, foundNothing, failed }

    private func driveOne() async -> Turn {
        let claims: [SagaClaim]
        do {
            try faults.reach(.beforeSagaClaimed)
            claims = try await SagaStore.claimDue(
                kinds: kinds.map(\.name),
                owner: owner,
                leaseMilliseconds: heartbeat.lease.wholeMilliseconds,
                limit: 1,
                on: pool
            )
        } catch {
            logger.warning("cannot look for due sagas", metadata: ["error": "\(error)"])
            return .failed
        }
        guard let claim = claims.first, let kind = kinds.first(where: { $0.name == claim.kind }) else {
            return .foundNothing
        }
        // A crash between claim and work: the lease runs out, and another worker goes on.
        do { try faults.reach(.afterSagaClaimed) } catch { return .drove }
        await TraceContext.$current.withValue(claim.trace) {
            report(await heartbeat.whileRenewing(claim) { await kind.drive(claim) }, of: claim)
        }
        return .drove
    }

    private func report(_ end: SagaEnd, of claim: SagaClaim) {
        let facts: Logger.Metadata = [
            "saga": "\(claim.kind)", "subject": "\(claim.subject.text)", "end": "\(end)",
        ]
        if case .postponed(_?) = end {
            logger.warning("saga step failed, will be tried again", metadata: facts)
        } else {
            logger.debug("saga driven", metadata: facts)
        }
    }
}
