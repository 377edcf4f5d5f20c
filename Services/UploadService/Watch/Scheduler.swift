import Logging
import PostgresClient
import ServiceBootstrap
import ServiceParts

import struct FoundationEssentials.UUID

/// What the scheduler has others do.
protocol ScheduledWork: Sendable {
    /// Makes a check and waits for its end.
    func check() async throws -> ScheduledCheck
    /// The newest check that compared everything, if it is of this database and no older than `limit`.
    func lastCompleteCheck(within limit: Duration) async throws -> ScheduledCheck?
    /// Makes a plan of what a complete check has found; changes nothing else.
    func plan(of check: UUID) async throws -> ScheduledPlan
    /// Carries a plan out, as far as it may be without a person's word.
    ///
    /// - Returns: what became of it, for the log.
    func run(_ plan: UUID) async throws -> String
}

struct ScheduledCheck: Sendable {
    let id: UUID
    let isComplete: Bool
    let findingCount: Int64
}

struct ScheduledPlan: Sendable {
    let id: UUID
    let itemCount: Int64
}

/// Checks, plans, and cleans where it may: one run. What goes wrong in one step is told, and keeps nothing else from being done.
struct Scheduler: Sendable {
    static let name = "scheduler"

    /// At most so much later than `interval` the next run comes, so that several deployments do not all begin at once.
    static func jitterLimit(every interval: Duration) -> Duration { interval / 10 }

    let work: any ScheduledWork
    /// Whether a plan is carried out without being asked for.
    let cleansAutomatically: Bool
    /// An older check says too little of the present to plan by.
    let checkAgeLimit: Duration
    let pool: PostgresPool
    let steps: MetricFamily<Counter>
    let logger: Logger

    init(
        _ work: any ScheduledWork,
        cleansAutomatically: Bool,
        checkAgeLimit: Duration,
        pool: PostgresPool,
        metrics: MetricsRegistry,
        logger: Logger
    ) {
        self.work = work
        self.cleansAutomatically = cleansAutomatically
        self.checkAgeLimit = checkAgeLimit
        self.pool = pool
        self.logger = logger
        steps = metrics.counter(
            "waybill_scheduled_steps_total",
            help: "Steps of scheduled runs, by what became of them.",
            labels: ["step", "outcome"]
        )
    }

    /// - Throws: only when it is cancelled, so that a run that was cut short is made again.
    func run() async throws {
        guard let check = try await completeCheck(), check.findingCount > 0 else { return }
        let plan = await step("plan") { try await work.plan(of: check.id) }
        try Task.checkCancellation()
        guard let plan, plan.itemCount > 0 else { return }
        logger.notice("repairs planned", metadata: ["plan": "\(plan.id)", "items": "\(plan.itemCount)"])
        guard cleansAutomatically else { return }
        let outcome = await step("clean") { () async throws -> String in
            // The run itself refuses too; here it is not even begun.
            if try await SafeMode.isOn(on: pool) { return "safe mode is on: not begun" }
            return try await work.run(plan.id)
        }
        try Task.checkCancellation()
        if let outcome {
            logger.notice("cleaned", metadata: ["plan": "\(plan.id)", "outcome": "\(outcome)"])
        }
    }

    /// Its own, or else the newest one of somebody else, or of an earlier run: a source that is away for a night must not keep what is known
    /// from being mended. Each item is looked at again before anything is done.
    private func completeCheck() async throws -> ScheduledCheck? {
        let own = await step("check") { try await work.check() }
        try Task.checkCancellation()
        if let own {
            logger.info(
                "checked",
                metadata: [
                    "check": "\(own.id)", "complete": "\(own.isComplete)",
                    "findings": "\(own.findingCount)",
                ]
            )
            if own.isComplete { return own }
        }
        let last = await step("earlier-check") { try await work.lastCompleteCheck(within: checkAgeLimit) }
        try Task.checkCancellation()
        guard let last = last ?? nil else { return nil }
        logger.notice("the check is not complete: an earlier one counts", metadata: ["check": "\(last.id)"])
        return last
    }

    private func step<Value>(_ name: String, _ body: () async throws -> Value) async -> Value? {
        do {
            let value = try await body()
            steps.labels(name, "done").increment()
            return value
        } catch {
            steps.labels(name, "failed").increment()
            logger.error("a scheduled step failed", metadata: ["step": "\(name)", "error": "\(error)"])
            return nil
        }
    }
}
