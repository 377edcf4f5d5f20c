import Determinism
package import NIOCore
import NIOHTTP1

extension S3Store {
    public func list(
        prefix: String,
        startAfter: String?,
        continuationToken: String?,
        limit: Int
    ) async throws(StoreFailure) -> ListPage {
        var request = S3Request(.GET, nil, effect: .readOnly)
        request.query = [("list-type", "2"), ("encoding-type", "url"), ("max-keys", pageSize(limit))]
        if !prefix.isEmpty { request.query.append(("prefix", prefix)) }
        if let startAfter { request.query.append(("start-after", startAfter)) }
        if let continuationToken { request.query.append(("continuation-token", continuationToken)) }
        return try ListPage(answer: try await perform(request).body)
    }

    public func listVersions(
        prefix: String,
        after: VersionPage.Marker?,
        limit: Int
    ) async throws(StoreFailure) -> VersionPage {
        var request = S3Request(.GET, nil, effect: .readOnly)
        request.query = [("versions", ""), ("encoding-type", "url"), ("max-keys", pageSize(limit))]
        if !prefix.isEmpty { request.query.append(("prefix", prefix)) }
        if let after {
            request.query.append(("key-marker", after.key))
            if let version = after.versionID { request.query.append(("version-id-marker", version)) }
        }
        let listing = try Listing(try await perform(request).body)
        var versions: [VersionPage.Version] = []
        for entry in listing.root.children where entry.name == "Version" || entry.name == "DeleteMarker" {
            let isDeleteMarker = entry.name == "DeleteMarker"
            versions.append(
                VersionPage.Version(
                    key: try listing.key(entry, "Key"),
                    versionID: entry.text("VersionId") ?? "null",
                    isDeleteMarker: isDeleteMarker,
                    isLatest: entry.isTrue("IsLatest"),
                    size: isDeleteMarker ? 0 : try listing.integer(entry, "Size")
                )
            )
        }
        guard listing.isTruncated else { return VersionPage(versions: versions, next: nil) }
        let next = VersionPage.Marker(
            key: try listing.key(listing.root, "NextKeyMarker"),
            versionID: listing.root.text("NextVersionIdMarker")
        )
        return VersionPage(versions: versions, next: next)
    }

    public func listMultipartUploads(
        prefix: String,
        after: UploadsPage.Marker?,
        limit: Int
    ) async throws(StoreFailure) -> UploadsPage {
        var request = S3Request(.GET, nil, effect: .readOnly)
        request.query = [("uploads", ""), ("encoding-type", "url"), ("max-uploads", pageSize(limit))]
        if !prefix.isEmpty { request.query.append(("prefix", prefix)) }
        if let after {
            request.query.append(("key-marker", after.key))
            request.query.append(("upload-id-marker", after.uploadID))
        }
        let listing = try Listing(try await perform(request).body)
        var uploads: [UploadsPage.Upload] = []
        for entry in listing.root.all("Upload") {
            guard let uploadID = entry.text("UploadId") else {
                throw .unexpectedAnswer("an upload without its id")
            }
            uploads.append(
                UploadsPage.Upload(
                    key: try listing.key(entry, "Key"),
                    uploadID: uploadID,
                    initiated: entry.text("Initiated").flatMap { Timestamp(rfc3339: $0) }
                )
            )
        }
        guard listing.isTruncated else { return UploadsPage(uploads: uploads, next: nil) }
        guard let uploadID = listing.root.text("NextUploadIdMarker") else {
            throw .unexpectedAnswer("a cut listing that cannot be continued")
        }
        let next = UploadsPage.Marker(key: try listing.key(listing.root, "NextKeyMarker"), uploadID: uploadID)
        return UploadsPage(uploads: uploads, next: next)
    }

    public func headBucket() async throws(StoreFailure) {
        _ = try await perform(S3Request(.HEAD, nil, effect: .readOnly))
    }

    public func createBucket() async throws(StoreFailure) {
        var request = S3Request(.PUT, nil, effect: .idempotent)
        if region != "us-east-1" {
            var body = XMLWriter(root: "CreateBucketConfiguration")
            body.element("LocationConstraint", region)
            request.payload = .bytes(ByteBuffer(string: body.finish()))
        }
        do {
            _ = try await perform(request)
        } catch .refused(_, code: "BucketAlreadyOwnedByYou", _) {
            return
        }
    }

    private func pageSize(_ limit: Int) -> String { String(max(1, min(limit, 1000))) }
}

extension ListPage {
    /// Reads an answer to ListObjectsV2.
    package init(answer: ByteBuffer) throws(StoreFailure) {
        var entries: [Entry] = []
        let listing = try Listing(answer) { child in
            guard child.name == "Contents" else { return false }
            entries.append(Entry(child))
            return true
        }
        var objects: [ListPage.Object] = []
        objects.reserveCapacity(entries.count)
        for entry in entries {
            let (key, size) = (try listing.key(entry.key, "Key"), try listing.integer(entry.size, "Size"))
            objects.append(ListPage.Object(key: key, size: size, etag: entry.etag))
        }
        // Whoever merges this with another sorted stream would take a misplaced key for a missing one.
        let isSorted = zip(objects, objects.dropFirst()).allSatisfy { utf8Order($0.key, $1.key) < 0 }
        guard isSorted else { throw .unexpectedAnswer("a listing that is not in order") }
        guard listing.isTruncated else {
            self.init(objects: objects, nextToken: nil)
            return
        }
        guard let token = listing.root.text("NextContinuationToken") else {
            throw .unexpectedAnswer("a cut listing that cannot be continued")
        }
        self.init(objects: objects, nextToken: token)
    }
}

/// What is read of an object before it is known how keys are written: that may stand behind them.
private struct Entry {
    let key: String?
    let size: Int64?
    let etag: String

    init(_ element: XMLElement) {
        key = element.text("Key")
        size = element.integer("Size")
        etag = unquoted(element.text("ETag"))
    }
}

/// A listing's answer. Anything missing from it is an error: an incomplete list must never look complete.
struct Listing {
    let root: XMLElement
    let isTruncated: Bool
    private let isURLEncoded: Bool

    /// Stores do not agree on the root's name; that it says whether it is complete is what counts.
    ///
    /// - Parameter take: what `XMLReader.parse` takes.
    init(_ answer: ByteBuffer, _ take: XMLReader.Take = { _ in false }) throws(StoreFailure) {
        guard let root = try? XMLReader.parse(Array(answer.readableBytesView), take) else {
            throw .unexpectedAnswer("a listing that cannot be read")
        }
        self.root = root
        guard let truncated = root.text("IsTruncated") else {
            throw .unexpectedAnswer("a listing that does not say whether it is complete")
        }
        isTruncated = truncated.lowercased() == "true"
        isURLEncoded = root.text("EncodingType")?.lowercased() == "url"
    }

    func key(_ entry: XMLElement, _ name: String) throws(StoreFailure) -> String {
        try key(entry.text(name), name)
    }

    /// Keys come percent-encoded when asked for so; a store that ignores that says so by leaving out `EncodingType`.
    func key(_ text: String?, _ name: String) throws(StoreFailure) -> String {
        guard let text, let key = isURLEncoded ? formDecoded(text) : text else {
            throw .unexpectedAnswer("a listing entry without its \(name)")
        }
        return key
    }

    func integer(_ entry: XMLElement, _ name: String) throws(StoreFailure) -> Int64 {
        try integer(entry.integer(name), name)
    }

    func integer(_ value: Int64?, _ name: String) throws(StoreFailure) -> Int64 {
        guard let value, value >= 0 else {
            throw .unexpectedAnswer("a listing entry without its \(name)")
        }
        return value
    }
}

/// The answer's root element, which must have this name.
func document(_ answer: Answer, root name: String) throws(StoreFailure) -> XMLElement {
    guard let root = try? XMLReader.parse(Array(answer.body.readableBytesView)), root.name == name else {
        throw .unexpectedAnswer("no \(name)")
    }
    return root
}
