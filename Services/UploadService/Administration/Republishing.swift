import AuditTrail
import Determinism
import EventBinding
import PostgresClient
import TransactionalOutbox

import struct FoundationEssentials.UUID

/// Why files are not told of again.
enum RepublishFailure: Error, Equatable, Sendable {
    /// The relay would wait for it for ever, and every other event behind it.
    case topicUnknown(String)
    case brokerAway(String)
    /// Pages before may have been appended; asking again is harmless.
    case database(DatabaseError)
}

/// Tells the log again how files stand: for a topic that was lost, also where the outbox no longer has the rows, and for an index
/// that is filled anew from a topic of its own.
///
/// The newest version's event of each file is appended once more, byte for byte the same; who has seen it passes it over.
struct Republishing: Sendable {
    let pool: PostgresPool
    /// The topics that exist.
    let topics: @Sendable () async throws -> Set<String>
    /// Events of one transaction.
    var pageLimit = 500
    /// Rows of one look at the table, which locks nothing.
    var walkLimit = 2_000
    /// Rows one call looks at, when it is limited at all.
    var callWalkLimit = 200_000

    /// How far one call came.
    struct Progress: Equatable, Sendable {
        var count = 0
        /// The last file, when there may be more.
        var next: UUID?
    }

    init(pool: PostgresPool, topics: @escaping @Sendable () async throws -> Set<String>) {
        self.pool = pool
        self.topics = topics
    }

    /// May be asked again at any time.
    ///
    /// - Parameters:
    ///   - start: only files after this one.
    ///   - countLimit: more than so many, rounded up to a page, are left to the next call; nil means all.
    func run(
        _ selection: RepublishSelection,
        to topic: SideTopic,
        by actor: String,
        reason: String,
        after start: UUID? = nil,
        countLimit: Int? = nil
    ) async throws(RepublishFailure) -> Progress {
        try await require(topic)
        do throws(DatabaseError) {
            try await AuditTrail.append(
                AuditEntry(
                    actor: actor,
                    action: "events.republished",
                    subject: topic.name,
                    reason: reason,
                    after: AuditEntry.object([
                        "selection": selection.text, "topic": topic.name, "after": start?.text,
                    ])
                ),
                on: pool
            )
            var progress = Progress(count: 0, next: start)
            var walkedCount = 0
            while progress.count < countLimit ?? .max, countLimit == nil || walkedCount < callWalkLimit {
                let page = try await FileStore.walk(
                    selection,
                    after: progress.next,
                    limit: walkLimit,
                    on: pool
                )
                walkedCount += page.count
                let left = (countLimit ?? .max) - progress.count
                let meant = page.lazy.filter(\.isSelected).map(\.id)
                let told = try await append(Array(meant), atLeast: left, to: topic)
                progress.count += told.count
                // Of a page that was left early the rest is the next call's.
                let isWhole = told.isWhole
                progress.next = isWhole ? (page.count < walkLimit ? nil : page.last?.id) : told.last
                guard isWhole, progress.next != nil else { break }
            }
            return progress
        } catch { throw .database(error) }
    }

    private func require(_ topic: SideTopic) async throws(RepublishFailure) {
        guard topic != .files else { return }
        let known: Set<String>
        do { known = try await topics() } catch { throw .brokerAway("\(error)") }
        guard known.contains(topic.name) else { throw .topicUnknown(topic.name) }
    }

    /// One short transaction for each page.
    ///
    /// - Parameter limit: enough is enough; rounded up to a page.
    private func append(
        _ ids: [UUID],
        atLeast limit: Int,
        to topic: SideTopic
    ) async throws(DatabaseError) -> (count: Int, last: UUID?, isWhole: Bool) {
        var (count, rest, last) = (0, ids[...], UUID?.none)
        while !rest.isEmpty, count < limit {
            let page = Array(rest.prefix(pageLimit))
            rest = rest.dropFirst(pageLimit)
            last = page.last
            count += try await append(page, to: topic)
        }
        return (count, last, rest.isEmpty)
    }

    private func append(_ ids: [UUID], to topic: SideTopic) async throws(DatabaseError) -> Int {
        do {
            return try await pool.withTransaction {
                (tx: borrowing Transaction) async throws(DatabaseError) -> Int in
                let files = try await FileStore.lock(ids, in: tx)
                for file in files { try Outbox.append(file.stateEvent, to: topic.name, in: tx) }
                return files.count
            }
        } catch {
            throw error.databaseError ?? .unexpectedResult("the events were not appended")
        }
    }
}
