import AccessTokens
import Determinism
import EventContracts
import Logging
import NIOCore
import ObjectStore
import PostgresClient
import ServiceBootstrap

import struct FoundationEssentials.UUID

/// A file that nobody sent makes its whole way: stored, told, indexed, found, deleted, removed. When it does not arrive, users' files do
/// not either.
///
/// Its tenant is nobody's, so that it is in no user's view. What a round leaves behind is the first thing the next one clears away,
/// and there is never more than one round's: in safe mode, where nothing is removed, none is begun.
struct Canary: Sendable {
    static let owner = Owner(tenant: CanaryTenant.name, name: "canary")
    static let name = "canary"
    /// A circle that took so many intervals is late.
    static let lateCount = 5
    /// Of what is left of a circle in the database: longer than the indexer is ever behind.
    static let tombstoneAge: Duration = .seconds(30 * 86_400)
    private static let pruneLimit = 100

    /// Why the file did not come to its next station.
    struct Stuck: Error, CustomStringConvertible {
        let description: String
    }

    let receive: ReceiveFile
    let actions: FileActions
    let pool: PostgresPool
    let store: any ObjectStore
    /// Nil: the index is believed what it answers over the topic, and no search is asked.
    let indexer: IndexerClient?
    let time: any TimeSource
    let random: any RandomSource
    /// For one station.
    let patience: Duration
    var pause: Duration = .milliseconds(250)

    /// One circle.
    ///
    /// - Throws: `Stuck` with the station that was not reached; the file is left to the next round.
    func circle() async throws {
        for (id, _) in try await RoundStore.unfinished(of: Self.owner, on: pool) { try await clear(id) }
        let (id, word) = try await create()
        try await reach("indexed") {
            guard try await RoundStore.standing(of: id, on: pool)?.indexState == .indexed else {
                return false
            }
            guard let indexer else { return true }
            let entry = try await indexer.entry(of: id)
            return entry?.state == .live && entry?.indexState == IndexState.indexed.rawValue
        }
        try await reach("found by a search") {
            guard let indexer else { return true }
            return try await indexer.entry(of: id, foundBy: word)?.isFound ?? false
        }
        try await clear(id)
        try await RoundStore.prune(
            Self.owner,
            after: Self.tombstoneAge,
            limit: Self.pruneLimit,
            on: pool
        )
    }

    /// - Returns: the file's id, and a word that only its bytes hold.
    private func create() async throws -> (id: UUID, word: String) {
        let word = "w" + String(random.nextUInt64(), radix: 36)
        let body = ByteBuffer(string: "\(Self.name) \(word) \(time.now.rfc3339)\n")
        let file = IncomingFile(
            name: try FileName("canary-\(UUID.version7(at: time.now, from: random).text).txt"),
            contentType: ContentType(declared: "text/plain"),
            declaredSHA256: nil,
            source: UploadSource(
                length: Int64(body.readableBytes),
                body: AsyncThrowingStream { stream in
                    stream.yield(body)
                    stream.finish()
                }
            )
        )
        return (try await receive.receive(file, of: Self.owner).id, word)
    }

    /// Deletes a file for good, and waits until nothing is left of it anywhere.
    private func clear(_ id: UUID) async throws {
        let file = try await actions.delete(id, of: Self.owner, isImmediate: true)
        try await reach("purged") {
            try await RoundStore.standing(of: id, on: pool)?.state == .purged
        }
        try await reach("out of the index and its searches") {
            guard let indexer else { return true }
            let entry = try await indexer.entry(of: id, foundBy: Self.name)
            return entry?.state == .purged && entry?.isFound == false
        }
        guard try await store.head(file.objectKey.text) == nil else {
            throw Stuck(description: "the bytes of a purged file are still in the bucket")
        }
    }

    private func reach(_ station: String, _ isReached: () async throws -> Bool) async throws {
        let deadline = time.uptime + patience
        while try await !isReached() {
            guard time.uptime < deadline else { throw Stuck(description: "the file is not \(station)") }
            try await time.sleep(for: pause)
        }
    }
}

extension Canary {
    private struct Late: Error, CustomStringConvertible {
        let age: Duration
        var description: String { "the last canary came round \(age.components.seconds) s ago" }
    }

    /// A canary that is late does not make the service unready: it can still do its part.
    static func show(every interval: Duration, _ surroundings: Surroundings) {
        let pool = surroundings.pool
        surroundings.metrics.gauge(
            "waybill_canary_age_seconds",
            help: "Since a synthetic file last made its whole way, from upload to removal."
        ) {
            guard let age = try? await RoundStore.age(name, on: pool) else { return [] }
            return [Sample(Double(age.wholeMilliseconds) / 1_000)]
        }
        surroundings.health.add(name, required: false) {
            let age = try await RoundStore.age(name, on: pool)
            if age > interval * lateCount { throw Late(age: age) }
        }
    }
}
