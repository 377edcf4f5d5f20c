import Determinism
import EventBinding
import Leases
import Logging
import PostgresClient
import ServiceBootstrap
import ServiceLifecycle
import TransactionalOutbox

import struct FoundationEssentials.UUID

/// Notes which versions of files are on the topic, and tells again those that are not and of which no event is on its way: a net
/// below the outbox, for a partition that was lost or a change whose event was forgotten.
///
/// One process works at a time, by a lease; that two work is wasteful and nothing worse.
struct PublicationSweep: Service {
    let store: HoldStore
    let pool: PostgresPool
    let lease: LeaseKeeper
    let doorbell: Doorbell
    /// After this long a version that is not on the topic, and not on its way there, is told again.
    let patience: Duration
    let figures: PublicationFigures
    let time: any TimeSource
    let random: any RandomSource
    let logger: Logger

    var pageLimit = 2_000
    /// How often published events are noted.
    var interval = Duration.seconds(2)
    /// How often gaps are looked for.
    var healInterval = Duration.seconds(15)
    private let healLimit = 200

    func run() async throws {
        await cancelWhenGracefulShutdown {
            var healAt = time.uptime
            while !Task.isCancelled {
                let isDue = time.uptime >= healAt
                if await pass(isHealing: isDue), isDue { healAt = time.uptime + healInterval }
                try? await time.sleep(for: interval / 2 + random.jitter(upTo: interval))
            }
        }
        try? await lease.release()
    }

    /// - Returns: whether all of it was done.
    private func pass(isHealing: Bool) async -> Bool {
        do {
            guard try await lease.acquireOrRenew() != nil else { return false }
            if isHealing { try await store.register() }
            _ = try await noteAll()
            if isHealing { _ = try await heal() }
            return true
        } catch {
            guard !Task.isCancelled else { return false }
            figures.failed()
            logger.warning("publication could not be noted", metadata: ["error": "\(error)"])
            return false
        }
    }

    /// Notes everything that was published since the last time, and moves the hold behind it.
    ///
    /// - Returns: how many files it was new of.
    func noteAll() async throws -> Int {
        let unparkedCount = try await noteUnparked()
        guard let range = try await store.published(), range.from != range.to else { return unparkedCount }
        var count = 0
        var position = HeldPosition.start
        while let page = try await store.rows(of: range, after: position, limit: pageLimit) {
            count += try await PublicationStore.note(page.rows, on: pool)
            position = page.end
            guard try await lease.acquireOrRenew() != nil else { return unparkedCount + count }
        }
        _ = try await store.advance(over: range)
        figures.noted(count)
        return unparkedCount + count
    }

    /// What was parked, and published after all.
    private func noteUnparked() async throws -> Int {
        var count = 0
        while true {
            let rows = try await store.unparked(limit: pageLimit)
            guard !rows.isEmpty else { break }
            count += try await PublicationStore.note(rows, on: pool)
            try await store.forget(unparked: rows)
        }
        figures.noted(count)
        return count
    }

    /// Appends the state event of every file that has a gap.
    ///
    /// - Returns: how many files were told again.
    func heal() async throws -> Int {
        guard try await PublicationStore.canTell(on: pool) else { return 0 }
        if try await PublicationStore.isBehind(by: healInterval, on: pool) { try await store.settle() }
        var count = 0
        var last: UUID?
        while true {
            let gaps = try await PublicationStore.gaps(
                after: last,
                olderThan: patience,
                limit: healLimit,
                on: pool
            )
            guard let end = gaps.last else { return count }
            count += try await tellAgain(gaps)
            last = end.fileID
            guard try await lease.acquireOrRenew() != nil else { return count }
        }
    }

    private func tellAgain(_ gaps: [PublicationGap]) async throws -> Int {
        let files = try await pool.withTransaction { (tx: borrowing Transaction) async throws -> [File] in
            let files = try await FileStore.lock(unpublished: gaps, in: tx)
            for file in files { try Outbox.append(file.stateEvent, in: tx) }
            try await PublicationStore.touch(files.map(\.id), in: tx)
            return files
        }
        guard !files.isEmpty else { return 0 }
        doorbell.ring()
        figures.toldAgain(files.count)
        logger.error(
            "events were missing and were appended again",
            metadata: [
                "count": "\(files.count)", "first": "\(files.first?.id.uuidString.lowercased() ?? "")",
            ]
        )
        return files.count
    }
}
