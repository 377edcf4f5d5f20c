import NIOCore
public import ObjectStore

/// Which epochs of versions were ever begun, kept where no restore of a database reaches: one empty object each in the bucket.
///
/// So a database that is restored twice from the same backup does not begin the same epoch twice, and whoever removes bytes can
/// tell an order of the present from one that a restored database has forgotten.
public struct EpochMarks: Sendable {
    /// Keys under it are not files.
    public static let prefix = ".waybill/incarnation/"

    /// What somebody else put there must not use up the epochs there are.
    private static let limit: Int64 = 1 << 20

    static func isPlausible(_ epoch: Int64) -> Bool { epoch >= 0 && epoch < limit }

    private let store: any ObjectStore
    private let bucket: BucketIdentity

    public init(store: any ObjectStore, bucket: BucketIdentity) {
        self.store = store
        self.bucket = bucket
    }

    /// - Returns: 0 when none was ever begun.
    /// - Throws: also when the bucket is not known to be ours: in another there are none.
    public func newest() async throws(StoreFailure) -> Int64 {
        try await bucket.confirm()
        var newest: Int64 = 0
        var token: String?
        repeat {
            let page = try await store.list(
                prefix: Self.prefix,
                startAfter: nil,
                continuationToken: token,
                limit: 1_000
            )
            let epochs = page.objects.compactMap { Int64($0.key.dropFirst(Self.prefix.count)) }
            newest = max(newest, epochs.filter(Self.isPlausible).max() ?? 0)
            token = page.nextToken
        } while token != nil
        return newest
    }

    /// May be repeated.
    public func begin(_ epoch: Int64) async throws(StoreFailure) {
        _ = try await store.put(Self.prefix + String(epoch), body: .bytes(ByteBuffer()))
    }
}
