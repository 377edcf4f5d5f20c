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
        let download: ObjectDownload
        do throws(StoreFailure) {
            download = try await store.get(key(sight), range: nil, ifMatch: nil)
        } catch {
            guard case .notFound(let code) = error, code == "NoSuchKey" else { throw error }
            return 0
        }
        var text: [UInt8] = []
        do {
            for try await bytes in download.body where text.count < Self.bodyLimit {
                text += bytes.readableBytesView
            }
        } catch let failure as StoreFailure { throw failure } catch {
            throw .unavailable(reason: "\(error)", retryAfter: nil)
        }
        return Int64(String(decoding: text, as: UTF8.self)) ?? 0
    }

    /// Moves the mark up to `sight`, never down: it is looked at first. Should a write of long ago land late, the next one mends it.
    func raise(to sight: DatabaseSight) async throws(StoreFailure) {
        try await bucket.confirm()
        guard try await mark(of: sight) < sight.flushed else { return }
        _ = try await store.put(key(sight), body: .bytes(ByteBuffer(string: String(sight.flushed))))
    }

    private func key(_ sight: DatabaseSight) -> String {
        let identity = sight.identity.map { $0 == "/" ? "-" : String($0) }.joined()
        return "\(prefix)\(sight.epoch)/\(identity)"
    }
}
