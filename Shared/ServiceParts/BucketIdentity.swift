public import Determinism
import NIOCore
public import ObjectStore
public import PostgresClient
import ServiceBootstrap
import Synchronization

import struct FoundationEssentials.UUID

/// Tells whether a bucket is the one of this deployment: not another's, nor an empty one that a lost volume or a wrong
/// address has put in its place, where every file would look missing and every removal done.
///
/// The upload service marks its bucket with an object whose key holds the deployment's id. Each service keeps the id in
/// its own database, from the first time it saw the marker.
public final class BucketIdentity: Sendable {
    /// The table, for a service's migrations. Frozen: a change is a new migration.
    public static let schema = DeploymentStore.schema
    /// Added to it, for the service that claims the bucket. Frozen.
    public static let schemaOfMark = DeploymentStore.schemaOfMark
    /// Keys under it are not files.
    public static let prefix = ".waybill/deployment/"

    private let store: any ObjectStore
    private let pool: PostgresPool
    private let known = Mutex<UUID?>(nil)

    public init(store: any ObjectStore, pool: PostgresPool) {
        self.store = store
        self.pool = pool
    }

    /// Marks the bucket as this deployment's, unless it is. May be repeated.
    ///
    /// - Throws: `ConfigurationError` when it is another's: nothing was changed. `StoreFailure` when it has lost the marker
    ///   it once bore. Otherwise what kept it from being told.
    public func claim(time: any TimeSource, random: any RandomSource) async throws {
        let own = try await DeploymentStore.keep(UUID.version7(at: time.now, from: random), on: pool)
        if try await markers().isEmpty {
            // Marked once and unmarked now: not the bucket it was. Marked again, it would pass for it.
            if try await DeploymentStore.isMarked(on: pool) { throw Self.unmarked(own) }
            let key = Self.prefix + own.text
            _ = try await store.put(key, body: .bytes(ByteBuffer()))
        }
        // Looked at again: another deployment may have marked it in the same moment.
        let marked = try await markers()
        guard marked == [own] else { throw Self.mismatch(own, marked) }
        try await DeploymentStore.noteMark(on: pool)
        known.withLock { $0 = own }
    }

    /// - Throws: when the store does not show this deployment's marker, so that nothing can be said of what it lacks.
    public func confirm() async throws(StoreFailure) {
        let own: UUID
        do {
            if let known = known.withLock({ $0 }) { own = known } else { own = try await adopt() }
        } catch let failure as StoreFailure { throw failure } catch {
            throw .unavailable(reason: "the deployment's id is not known: \(error)", retryAfter: nil)
        }
        guard try await store.head(Self.prefix + own.text) != nil else { throw Self.unmarked(own) }
    }

    /// The id in the database; at first that of the marker.
    private func adopt() async throws -> UUID {
        let own: UUID
        if let kept = try await DeploymentStore.find(on: pool) {
            own = kept
        } else {
            let marked = try await markers()
            guard let only = marked.first, marked.count == 1 else {
                throw StoreFailure.unavailable(
                    reason: "the bucket bears \(marked.count) markers of deployments, not one",
                    retryAfter: nil
                )
            }
            own = try await DeploymentStore.keep(only, on: pool)
        }
        known.withLock { $0 = own }
        return own
    }

    private func markers() async throws(StoreFailure) -> [UUID] {
        let page = try await store.list(
            prefix: Self.prefix,
            startAfter: nil,
            continuationToken: nil,
            limit: 10
        )
        return page.objects.compactMap { UUID(uuidString: String($0.key.dropFirst(Self.prefix.count))) }
    }

    private static func unmarked(_ own: UUID) -> StoreFailure {
        .unavailable(
            reason: "the bucket does not bear the marker \(prefix)\(own.text) of this deployment",
            retryAfter: nil
        )
    }

    private static func mismatch(_ own: UUID, _ marked: [UUID]) -> ConfigurationError {
        let others = marked.filter { $0 != own }.map(\.text).joined(separator: ", ")
        return ConfigurationError(problems: [
            "the bucket belongs to another deployment (\(others)), this database to \(own.text): check S3_BUCKET, "
                + "S3_ENDPOINT and WAYBILL_DATABASE_URL"
        ])
    }
}
