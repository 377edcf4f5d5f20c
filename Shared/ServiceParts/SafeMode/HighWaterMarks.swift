import NIOCore
public import ObjectStore

/// How far each database has ever come, kept where no restore of it reaches: one object per epoch and identity in the bucket, which
/// holds how much of the write-ahead log was safe on the disk.
///
/// A copy of the disk that is put back has its identity and its epoch still; that its log ends before the mark gives it away.
/// What it forgets must be more than was written since the last mark.
public struct HighWaterMarks: Sendable {
    /// Keys under it are not files.
    public static let prefix = ".waybill/high-water/"

    private static let bodyLimit = 64
    /// Of one raising, when others are faster.
    private static let attemptLimit = 4
    /// Earlier versions that one raising deletes.
    private static let forgottenLimit = 100

    private let store: any ObjectStore
    private let bucket: BucketIdentity
    private let prefix: String

    /// - Parameter service: each has a database of its own.
    public init(store: any ObjectStore, bucket: BucketIdentity, service: String) {
        self.store = store
        self.bucket = bucket
        prefix = "\(Self.prefix)\(service)/"
    }

    /// The newest epoch that has a mark; 0 when none has.
    ///
    /// - Throws: also when the bucket is not known to be ours: in another there are none.
    func newestEpoch() async throws(StoreFailure) -> Int64 {
        try await bucket.confirm()
        var newest: Int64 = 0
        var token: String?
        repeat {
            let page = try await store.list(
                prefix: prefix,
                startAfter: nil,
                continuationToken: token,
                limit: 1_000
            )
            for object in page.objects {
                let epoch = object.key.dropFirst(prefix.count).prefix { $0 != "/" }
                newest = max(newest, Int64(epoch).flatMap { EpochMarks.isPlausible($0) ? $0 : nil } ?? 0)
            }
            token = page.nextToken
        } while token != nil
        return newest
    }

    /// In bytes; 0 when there is no mark.
    func mark(of sight: DatabaseSight) async throws(StoreFailure) -> Int64 {
        try await mark(key(sight)).bytes
    }

    /// - Returns: an ETag too, where there is a mark.
    private func mark(_ key: String) async throws(StoreFailure) -> (bytes: Int64, etag: String?) {
        let download: ObjectDownload
        do throws(StoreFailure) {
            download = try await store.get(key, range: nil, ifMatch: nil)
        } catch {
            guard case .notFound(let code) = error, code == "NoSuchKey" else { throw error }
            return (0, nil)
        }
        var text: [UInt8] = []
        do {
            for try await bytes in download.body where text.count < Self.bodyLimit {
                text += bytes.readableBytesView
            }
        } catch let failure as StoreFailure { throw failure } catch {
            throw .unavailable(reason: "\(error)", retryAfter: nil)
        }
        return (Int64(String(decoding: text, as: UTF8.self)) ?? 0, download.facts.etag)
    }

    /// Moves the mark up to `sight`, never down: whoever was faster is looked at again. Where the store does not hold conditional
    /// writes a write of long ago may land late; the next one mends that.
    func raise(to sight: DatabaseSight) async throws(StoreFailure) {
        try await bucket.confirm()
        let key = key(sight)
        for _ in 0..<Self.attemptLimit {
            let (bytes, etag) = try await mark(key)
            guard bytes < sight.flushed else { return }
            do throws(StoreFailure) {
                let stored = try await write(sight.flushed, key, over: etag)
                return await forgetEarlier(key, than: stored)
            } catch {
                guard case .preconditionFailed = error else { throw error }
            }
        }
    }

    private func write(
        _ bytes: Int64,
        _ key: String,
        over etag: String?
    ) async throws(StoreFailure) -> StoredObject {
        let body = ObjectBody.bytes(ByteBuffer(string: String(bytes)))
        if let etag, !etag.isEmpty { return try await store.replace(key, ifMatch: etag, body: body) }
        return try await store.put(
            key,
            body: body,
            contentType: nil,
            metadata: [:],
            ifNoneMatchAny: etag == nil && store.profile.conditionalWritesEnforced
        )
    }

    /// In a bucket that keeps versions those of the mark would pile up. The newest stays, whoever wrote it. Credentials that may not do
    /// this leave them to a rule of the bucket.
    private func forgetEarlier(_ key: String, than stored: StoredObject) async {
        guard let own = stored.versionID, own != "null",
            let page = try? await store.listVersions(prefix: key, after: nil, limit: 1_000)
        else { return }
        let earlier = page.versions.filter { $0.key == key && !$0.isLatest && $0.versionID != own }
        for version in earlier.suffix(Self.forgottenLimit) {
            do { try await store.delete(key, versionID: version.versionID) } catch { return }
        }
    }

    private func key(_ sight: DatabaseSight) -> String {
        let identity = sight.identity.map { $0 == "/" ? "-" : String($0) }.joined()
        return "\(prefix)\(sight.epoch)/\(identity)"
    }
}
