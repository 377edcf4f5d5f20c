public import PostgresClient

/// What became of a batch.
public struct BatchCounts: Equatable, Sendable {
    public var applied = 0
    /// Seen before, by event id.
    public var repeated = 0
    public var skipped = 0
    public var parked = 0

    public init() {}

    init(parked: Int) { self.parked = parked }

    public static func += (total: inout BatchCounts, more: BatchCounts) {
        total.applied += more.applied
        total.repeated += more.repeated
        total.skipped += more.skipped
        total.parked += more.parked
    }
}

/// Applies records of one partition: inbox, effects and offset commit together, or not at all.
///
/// Every record is applied, recognised as a repeat, skipped as not ours, or parked with its bytes; a record that
/// cannot be applied never blocks its partition, and later records of its key wait behind it in order.
public struct BatchApplier<Handler: EventHandler>: Sendable {
    private let consumer: String
    private let handler: Handler
    private let pool: PostgresPool
    private let attemptLimit: Int

    /// - Parameter attemptLimit: tries before a record that fails alone, and not for the database's sake, is parked.
    public init(consumer: String, handler: Handler, pool: PostgresPool, attemptLimit: Int = 5) {
        self.consumer = consumer
        self.handler = handler
        self.pool = pool
        self.attemptLimit = attemptLimit
    }

    /// Applies `records`, which are consecutive records of the claimed partition.
    ///
    /// - Throws: `.fenced`: nothing was written, let go of the partition. `.database`: nothing was written, or
    ///   a first part of the batch; pause and give the same records again.
    public func apply(_ records: [InboundRecord], _ claim: PartitionClaim) async throws(InboxFailure)
        -> BatchCounts
    {
        let isExpectingNew = claim.isExpectingNew
        do {
            let counts = try await applyTogether(records, claim, isExpectingNew: isExpectingNew)
            if counts.repeated > 0 { claim.becomeWary() } else { claim.calmDown() }
            return counts
        } catch {
            switch error {
            case .inbox(let failure): throw failure
            case .violation where isExpectingNew:
                claim.becomeWary()
                return try await apply(records, claim)
            case .violation, .handler: break
            }
        }
        var counts = BatchCounts()
        for record in records { counts += try await applyAlone(record, claim) }
        return counts
    }

    private func applyAlone(
        _ record: InboundRecord,
        _ claim: PartitionClaim
    ) async throws(InboxFailure) -> BatchCounts {
        var reason = ""
        for _ in 0..<attemptLimit {
            do {
                return try await applyTogether([record], claim, isExpectingNew: false)
            } catch {
                switch error {
                case .inbox(let failure): throw failure
                case .handler(let text), .violation(let text): reason = text
                }
            }
        }
        let parking = reason
        do {
            return try await applyInTransaction(on: pool) { tx in
                try InboxStore.park([ParkedRecord(record, reason: parking)], consumer: consumer, in: tx)
                try await InboxStore.advance(consumer: consumer, claim, to: record.offset + 1, in: tx)
                return BatchCounts(parked: 1)
            }
        } catch { throw error.inboxFailure }
    }

    /// - Parameter isExpectingNew: that none of the events was seen before, and nothing of theirs is parked. Where one was seen, the
    ///   whole transaction fails by the violated constraint, and is to be made again without expecting that.
    private func applyTogether(
        _ records: [InboundRecord],
        _ claim: PartitionClaim,
        isExpectingNew: Bool
    ) async throws(ApplyFailure) -> BatchCounts {
        guard let last = records.last else { return BatchCounts() }
        let decoded = records.map { (record: $0, meaning: handler.decode($0)) }
        return try await applyInTransaction(on: pool) { tx in
            let plan = BatchPlan(decoded, parkedKeys: [])
            if isExpectingNew, plan.parked.isEmpty {
                let areRemembered = try await InboxStore.advance(
                    consumer: consumer,
                    claim,
                    to: last.offset + 1,
                    pastNew: plan.events.map { ($0.id, $0.key) },
                    in: tx
                )
                if areRemembered {
                    if !plan.events.isEmpty { try await handler.applyNew(plan.events.map(\.event), in: tx) }
                    return plan.counts
                }
                claim.becomeWary()
            }
            return try await sortAndApply(decoded, plan, to: last.offset + 1, claim, in: tx)
        }
    }

    private func sortAndApply(
        _ decoded: [(record: InboundRecord, meaning: Decoded<Handler.Event>)],
        _ firstPlan: BatchPlan<Handler.Event>,
        to nextOffset: Int64,
        _ claim: PartitionClaim,
        in tx: borrowing Transaction
    ) async throws -> BatchCounts {
        var plan = firstPlan
        // First, so that a holder that lost the partition fails before it does any work.
        let found = try await InboxStore.advance(
            consumer: consumer,
            claim,
            to: nextOffset,
            past: plan.events.map { ($0.id, $0.key) },
            in: tx
        )
        if !found.parkedKeys.isEmpty { plan = BatchPlan(decoded, parkedKeys: found.parkedKeys) }
        plan.dropRepeats(keeping: found.fresh, isRepeatable: handler.isRepeatable)
        let applied = try await InboxStore.seen(plan.waitingIDs, consumer: consumer, in: tx)
        plan.dropWaitingRepeats(applied, isRepeatable: handler.isRepeatable)
        try InboxStore.park(plan.parked, consumer: consumer, in: tx)
        if !plan.events.isEmpty { try await handler.apply(plan.events.map(\.event), in: tx) }
        return plan.counts
    }
}
