import Determinism
import NIOCore
import NIOHTTP1

extension S3Store {
    public func createMultipartUpload(
        _ key: String,
        contentType: String?,
        metadata: [String: String],
        checksum: PartChecksum.Kind?
    ) async throws(StoreFailure) -> String {
        var request = S3Request(.POST, key, effect: .once)
        request.query = [("uploads", "")]
        request.headers = metadataHeaders(metadata)
        if profile.checksumsEnforced, let name = checksum?.wireName {
            request.headers.append(("x-amz-checksum-algorithm", name))
        }
        if let contentType { request.headers.append(("content-type", contentType)) }
        let answer = try await perform(request)
        guard let root = try? document(answer, root: "InitiateMultipartUploadResult"),
            let uploadID = root.text("UploadId")
        else { throw .outcomeUnknown(reason: "the answer has no upload id") }
        return uploadID
    }

    public func uploadPart(
        _ key: String,
        uploadID: String,
        number: Int,
        body: ObjectBody,
        checksum: PartChecksum.Kind?
    ) async throws(StoreFailure) -> String {
        try validatePartNumber(number, profile)
        var request = S3Request(.PUT, key, effect: .idempotent)
        request.query = [("partNumber", String(number)), ("uploadId", uploadID)]
        request.payload = try await payload(of: body)
        request.hasNoTrailer = profile.partChecksumsAnnounced && checksum?.trailing == nil
        if profile.checksumsEnforced, let trailer = checksum?.trailing {
            request.trailer = trailer
            if case .bytes(let buffer) = request.payload {
                var sum = RunningChecksum(trailer)
                buffer.withUnsafeReadableBytes { sum.update($0) }
                request.headers.append((trailer.headerName, sum.base64))
            }
        }
        let etag = unquoted(try await performOnUpload(request).header("etag"))
        guard !etag.isEmpty else { throw .unexpectedAnswer("a part without an ETag") }
        return etag
    }

    public func listParts(_ key: String, uploadID: String, after: Int) async throws(StoreFailure) -> PartsPage
    {
        var request = S3Request(.GET, key, effect: .readOnly)
        request.query = [("uploadId", uploadID), ("max-parts", "1000")]
        if after > 0 { request.query.append(("part-number-marker", String(after))) }
        let listing = try Listing(try await performOnUpload(request).body)
        var parts: [PartsPage.Part] = []
        for entry in listing.root.all("Part") {
            parts.append(
                PartsPage.Part(
                    number: Int(clamping: try listing.integer(entry, "PartNumber")),
                    size: try listing.integer(entry, "Size"),
                    etag: unquoted(entry.text("ETag")),
                    lastModified: entry.text("LastModified").flatMap { Timestamp(rfc3339: $0) },
                    checksums: PartChecksum.Kind.allCases.compactMap { kind in
                        kind.wireName.flatMap { entry.text("Checksum\($0)") }
                            .flatMap { PartChecksum(kind, base64: $0) }
                    }
                )
            )
        }
        parts.sort { $0.number < $1.number }
        guard listing.isTruncated else { return PartsPage(parts: parts, next: nil) }
        guard let last = parts.last?.number, last > after else {
            throw .unexpectedAnswer("a cut listing that cannot be continued")
        }
        return PartsPage(parts: parts, next: last)
    }

    public func completeMultipartUpload(
        _ key: String,
        uploadID: String,
        parts: [CompletedPart],
        ifNoneMatchAny: Bool
    ) async throws(StoreFailure) -> CompletedUpload {
        // radosgw takes a list in any order, and then stores it in that order.
        guard !parts.isEmpty, parts.count <= profile.partCountLimit,
            zip(parts, parts.dropFirst()).allSatisfy({ $0.number < $1.number })
        else {
            throw .refused(
                status: 0,
                code: "InvalidPartOrder",
                message: "parts must ascend, and there must be some"
            )
        }
        var request = S3Request(.POST, key, effect: .once)
        request.query = [("uploadId", uploadID)]
        request.mayFailWith200 = true
        request.headers = [("content-type", "application/xml")]
        if ifNoneMatchAny { request.headers.append(("if-none-match", "*")) }
        var body = XMLWriter(root: "CompleteMultipartUpload")
        for part in parts {
            body.element("Part") {
                $0.element("PartNumber", String(part.number))
                $0.element("ETag", "\"\(part.etag)\"")
                if let checksum = part.checksum, let name = checksum.kind.wireName {
                    $0.element("Checksum\(name)", checksum.base64)
                }
            }
        }
        request.payload = .bytes(ByteBuffer(string: body.finish()))
        let answer = try await performOnUpload(request)
        // Emulators call it `…Response`. What is neither that nor an error says nothing about the outcome.
        guard let root = try? XMLReader.parse(Array(answer.body.readableBytesView)),
            root.name.hasPrefix("CompleteMultipartUpload")
        else { throw .outcomeUnknown(reason: "the answer does not say what became of the upload") }
        return CompletedUpload(
            etag: unquoted(root.text("ETag")),
            versionID: answer.header("x-amz-version-id")
        )
    }

    public func abortMultipartUpload(_ key: String, uploadID: String) async throws(StoreFailure) {
        var request = S3Request(.DELETE, key, effect: .idempotent)
        request.query = [("uploadId", uploadID)]
        do {
            _ = try await performOnUpload(request)
        } catch .notFound(let code) where code == "NoSuchUpload" {
            return
        }
    }

    /// radosgw says `NoSuchKey` of an upload that is not there (any more).
    private func performOnUpload(_ request: S3Request) async throws(StoreFailure) -> Answer {
        do { return try await perform(request) } catch .notFound("NoSuchKey") {
            throw .notFound(code: "NoSuchUpload")
        }
    }
}
