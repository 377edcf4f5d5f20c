public import PostgresClient

/// What became of a parked record that was tried again.
public enum ReplayOutcome: Equatable, Sendable {
    case applied
    /// Its event, or a copy of it, was applied meanwhile.
    case repeated
    /// This program knows that the record is not for it.
    case skipped
    /// It stays, and what waits behind it; nobody tries it again until an operator asks.
    case stillParked(reason: String)
    /// Another process, or an operator, was faster.
    case gone
}

/// Tries parked records again when an operator has asked for it: key by key, the oldest record of a key first, each
/// in one transaction with its effects.
///
/// That transaction holds the partition's row, as every application of live records does, so the two never run at the
/// same time, and a record that arrives meanwhile either waits behind the parked ones or finds them applied.
public struct ParkedReplay<Handler: EventHandler>: Sendable {
    private let consumer: String
    private let handler: Handler
    private let pool: PostgresPool
    private let attemptLimit: Int

    /// - Parameter attemptLimit: tries before a record stays parked.
    public init(consumer: String, handler: Handler, pool: PostgresPool, attemptLimit: Int = 5) {
        self.consumer = consumer
        self.handler = handler
        self.pool = pool
        self.attemptLimit = attemptLimit
    }

    /// - Returns: the record to be tried next; nil when nobody has asked for a replay.
    public func next() async throws(InboxFailure) -> ParkedPlace? {
        do { return try await InboxStore.nextReplay(consumer: consumer, on: pool) } catch {
            throw .database(error)
        }
    }

    /// Tries the record again.
    ///
    /// - Throws: `.database` when nothing could be written; the request stays.
    public func replay(_ place: ParkedPlace) async throws(InboxFailure) -> ReplayOutcome {
        var reason = ""
        for _ in 0..<attemptLimit {
            do {
                return try await attempt(place)
            } catch {
                switch error {
                case .inbox(let failure): throw failure
                case .handler(let text), .violation(let text): reason = text
                }
            }
        }
        return try await keep(place, reason)
    }

    private func attempt(_ place: ParkedPlace) async throws(ApplyFailure) -> ReplayOutcome {
        try await applyInTransaction(on: pool) { tx in
            guard let record = try await InboxStore.takeParked(place, consumer: consumer, in: tx) else {
                return .gone
            }
            let outcome = try await apply(record, in: tx)
            if case .stillParked(let reason) = outcome {
                try await InboxStore.endReplay(at: place.id, reason: reason, in: tx)
            } else {
                try await InboxStore.unpark(place.id, in: tx)
            }
            return outcome
        }
    }

    private func apply(
        _ record: InboundRecord,
        in tx: borrowing Transaction
    ) async throws -> ReplayOutcome {
        switch handler.decode(record) {
        case .skipped: return .skipped
        case .unreadable(let reason): return .stillParked(reason: reason)
        case .event(let event, let id):
            let isFresh = try await !InboxStore.remember([id], consumer: consumer, in: tx).isEmpty
            guard isFresh || handler.isRepeatable(event) else { return .repeated }
            try await handler.apply([event], in: tx)
            return .applied
        }
    }

    private func keep(
        _ place: ParkedPlace,
        _ reason: String
    ) async throws(InboxFailure) -> ReplayOutcome {
        do {
            return try await applyInTransaction(on: pool) { tx in
                try await InboxStore.endReplay(at: place.id, reason: reason, in: tx)
                return .stillParked(reason: reason)
            }
        } catch { throw error.inboxFailure }
    }
}
