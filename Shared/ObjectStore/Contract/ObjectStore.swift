/// One bucket of an S3 store.
///
/// Every call may be made again after `unavailable` or `outcomeUnknown`, except that `createMultipartUpload` then makes
/// a second upload. Keys are any UTF-8 of 1 to 1 024 bytes; sizes are bytes; ETags are kept as the store gave them,
/// quotes removed.
public protocol ObjectStore: Sendable {
    /// What the store can do, and its limits.
    var profile: StoreProfile { get }

    /// Stores one object, replacing what was there (or, with `ifNoneMatchAny`, only where nothing is: see
    /// `StoreProfile.conditionalWritesEnforced` before trusting that). A stream is sent once and never again, its last
    /// piece only after its end was seen: a stream that throws, even at its very end, leaves nothing stored.
    func put(
        _ key: String,
        body: ObjectBody,
        contentType: String?,
        metadata: [String: String],
        ifNoneMatchAny: Bool
    ) async throws(StoreFailure) -> StoredObject

    /// Stores one object in place of the one with this ETag; fails with `preconditionFailed` where another lies there, or none, on stores
    /// that hold conditional writes (`StoreProfile.conditionalWritesEnforced`). On the others it replaces whatever is there.
    func replace(
        _ key: String,
        ifMatch etag: String,
        body: ObjectBody
    ) async throws(StoreFailure) -> StoredObject

    /// Opens a download. Its body is read as fast as the caller takes it; the answer's head is already checked.
    func get(_ key: String, range: ByteRange?, ifMatch: String?) async throws(StoreFailure) -> ObjectDownload

    /// Nil only when the store said that this key does not exist: a missing bucket is thrown, never taken for absence.
    func head(_ key: String) async throws(StoreFailure) -> ObjectFacts?

    /// One page in UTF-8 order of the keys. `limit` is 1 to 1 000.
    func list(
        prefix: String,
        startAfter: String?,
        continuationToken: String?,
        limit: Int
    ) async throws(StoreFailure) -> ListPage

    /// One page of versions and delete markers.
    func listVersions(
        prefix: String,
        after: VersionPage.Marker?,
        limit: Int
    ) async throws(StoreFailure) -> VersionPage

    /// An absent object is a success. Without a version a versioned bucket keeps the bytes behind a delete marker.
    func delete(_ key: String, versionID: String?) async throws(StoreFailure)

    /// At most 1 000 objects; one result for each, in the order given.
    func deleteBatch(_ objects: [ObjectIdentifier]) async throws(StoreFailure) -> [DeleteResult]

    /// Copies inside the bucket, up to 5 GiB. With `metadata` it replaces the source's.
    func copy(
        from source: String,
        to destination: String,
        metadata: [String: String]?
    ) async throws(StoreFailure) -> StoredObject

    /// Returns the upload id. Commit it to the database before the first part leaves.
    ///
    /// `checksum` is what every part will be protected by: AWS refuses parts with another one, or none, and wants them
    /// again in the list of parts. It is left out where the profile says that the store checks none, and for MD5.
    func createMultipartUpload(
        _ key: String,
        contentType: String?,
        metadata: [String: String],
        checksum: PartChecksum.Kind?
    ) async throws(StoreFailure) -> String

    /// Stores part `number` (1 to 10 000), replacing an earlier part of that number. Returns its ETag.
    ///
    /// `checksum` is the kind the upload was created with. The store computes and we compute; what differs is refused.
    func uploadPart(
        _ key: String,
        uploadID: String,
        number: Int,
        body: ObjectBody,
        checksum: PartChecksum.Kind?
    ) async throws(StoreFailure) -> String

    /// At most 1 000 parts with numbers above `after`, ascending.
    func listParts(_ key: String, uploadID: String, after: Int) async throws(StoreFailure) -> PartsPage

    /// Not repeated inside: after `outcomeUnknown`, `unavailable` or `notFound("NoSuchUpload")` ask `head` what happened.
    /// Some stores answer a repeated call with success, others with `NoSuchUpload`, and some leave the ETag empty.
    func completeMultipartUpload(
        _ key: String,
        uploadID: String,
        parts: [CompletedPart],
        ifNoneMatchAny: Bool
    ) async throws(StoreFailure) -> CompletedUpload

    /// An upload that is not there (any more) is a success.
    func abortMultipartUpload(_ key: String, uploadID: String) async throws(StoreFailure)

    /// Open uploads. Stores differ: MinIO answers a prefix only with uploads of exactly that key.
    func listMultipartUploads(
        prefix: String,
        after: UploadsPage.Marker?,
        limit: Int
    ) async throws(StoreFailure) -> UploadsPage

    /// Succeeds when the bucket exists and these credentials may see it.
    func headBucket() async throws(StoreFailure)
    /// A bucket that is already this owner's is a success.
    func createBucket() async throws(StoreFailure)

    /// A URL for somebody who has no credentials, at `S3Settings.presigning`'s endpoint and by its key. Pure computation,
    /// no request. `expiresIn` is 1 s to 7 d.
    func presign(_ request: PresignRequest, expiresIn: Duration) throws(StoreFailure) -> String
}

extension ObjectStore {
    public func put(_ key: String, body: ObjectBody) async throws(StoreFailure) -> StoredObject {
        try await put(key, body: body, contentType: nil, metadata: [:], ifNoneMatchAny: false)
    }

    public func get(_ key: String) async throws(StoreFailure) -> ObjectDownload {
        try await get(key, range: nil, ifMatch: nil)
    }

    public func delete(_ key: String) async throws(StoreFailure) { try await delete(key, versionID: nil) }

    public func uploadPart(
        _ key: String,
        uploadID: String,
        number: Int,
        body: ObjectBody
    ) async throws(StoreFailure) -> String {
        try await uploadPart(key, uploadID: uploadID, number: number, body: body, checksum: nil)
    }

    public func createMultipartUpload(
        _ key: String,
        contentType: String?,
        metadata: [String: String]
    ) async throws(StoreFailure) -> String {
        try await createMultipartUpload(key, contentType: contentType, metadata: metadata, checksum: nil)
    }
}
