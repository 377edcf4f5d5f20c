import AsyncHTTPClient
import NIOCore
import NIOHTTP1

extension S3Store {
    public func put(
        _ key: String,
        body: ObjectBody,
        contentType: String?,
        metadata: [String: String],
        ifNoneMatchAny: Bool
    ) async throws(StoreFailure) -> StoredObject {
        var request = S3Request(.PUT, key, effect: .idempotent)
        request.headers = metadataHeaders(metadata)
        if let contentType { request.headers.append(("content-type", contentType)) }
        if ifNoneMatchAny { request.headers.append(("if-none-match", "*")) }
        request.payload = try await payload(of: body)
        let answer = try await perform(request)
        return StoredObject(
            etag: unquoted(answer.header("etag")),
            versionID: answer.header("x-amz-version-id")
        )
    }

    public func replace(
        _ key: String,
        ifMatch etag: String,
        body: ObjectBody
    ) async throws(StoreFailure) -> StoredObject {
        var request = S3Request(.PUT, key, effect: .idempotent)
        if profile.conditionalWritesEnforced { request.headers.append(("if-match", "\"\(etag)\"")) }
        request.payload = try await payload(of: body)
        let answer = try await perform(request)
        return StoredObject(
            etag: unquoted(answer.header("etag")),
            versionID: answer.header("x-amz-version-id")
        )
    }

    public func get(
        _ key: String,
        range: ByteRange?,
        ifMatch: String?
    ) async throws(StoreFailure) -> ObjectDownload {
        var request = S3Request(.GET, key, effect: .readOnly)
        request.headers = [("x-amz-checksum-mode", "ENABLED")]
        if let range { request.headers.append(("range", try headerValue(of: range))) }
        if let ifMatch { request.headers.append(("if-match", "\"\(ifMatch)\"")) }
        let response = try await open(request)
        guard let length = response.headers.first(name: "content-length").flatMap({ Int64($0) }), length >= 0
        else {
            throw .unexpectedAnswer("a download without Content-Length")
        }
        var contentRange: ContentRange?
        if response.status == .partialContent {
            contentRange = response.headers.first(name: "content-range").flatMap(ContentRange.init(header:))
            guard let contentRange, contentRange.last - contentRange.first == length - 1 else {
                throw .unexpectedAnswer("a partial download whose Content-Range does not fit")
            }
        }
        return ObjectDownload(
            facts: ObjectFacts(response.headers, size: contentRange?.total ?? length),
            contentRange: contentRange,
            length: length,
            body: downloadBody(response, length: length)
        )
    }

    public func head(_ key: String) async throws(StoreFailure) -> ObjectFacts? {
        do {
            return try await headers(of: key)
        } catch .notFound {
            // The answer to HEAD has no body, so a missing bucket looks like a missing key. GET tells them apart.
            guard try await isAbsent(key) else { return try await headers(of: key) }
            return nil
        }
    }

    public func delete(_ key: String, versionID: String?) async throws(StoreFailure) {
        var request = S3Request(.DELETE, key, effect: .idempotent)
        if let versionID { request.query = [("versionId", versionID)] }
        do {
            _ = try await perform(request)
        } catch .notFound(let code) where code == "NoSuchKey" || code == "NoSuchVersion" {
            return
        }
    }

    public func copy(
        from source: String,
        to destination: String,
        metadata: [String: String]?
    ) async throws(StoreFailure) -> StoredObject {
        try validateKey(source)
        var request = S3Request(.PUT, destination, effect: .idempotent)
        request.mayFailWith200 = true
        request.headers = [("x-amz-copy-source", "/\(bucket)/\(uriEncoded(source, keepingSlash: true))")]
        if let metadata {
            request.headers.append(("x-amz-metadata-directive", "REPLACE"))
            request.headers += metadataHeaders(metadata)
        }
        let answer = try await perform(request)
        let result = try document(answer, root: "CopyObjectResult")
        return StoredObject(etag: unquoted(result.text("ETag")), versionID: answer.header("x-amz-version-id"))
    }

    /// An empty stream is read here: the HTTP client would end the request before the stream's end was seen.
    func payload(of body: ObjectBody) async throws(StoreFailure) -> S3Request.Payload {
        switch body {
        case .bytes(let buffer): return .bytes(buffer)
        case .streamed(let stream) where stream.length > 0: return .stream(stream)
        case .streamed(let stream):
            let next = stream.makeNext()
            do {
                while let buffer = try await next() {
                    if buffer.readableBytes > 0 || stream.length < 0 {
                        throw BodyLengthMismatch(
                            declared: stream.length,
                            received: Int64(buffer.readableBytes)
                        )
                    }
                }
                guard stream.length == 0 else {
                    throw BodyLengthMismatch(declared: stream.length, received: 0)
                }
            } catch {
                throw Task.isCancelled ? .cancelled : .bodyFailed(error)
            }
            return .bytes(ByteBuffer())
        }
    }

    private func headers(of key: String) async throws(StoreFailure) -> ObjectFacts {
        var request = S3Request(.HEAD, key, effect: .readOnly)
        request.headers = [("x-amz-checksum-mode", "ENABLED")]
        let answer = try await perform(request)
        guard let size = answer.header("content-length").flatMap({ Int64($0) }), size >= 0 else {
            throw .unexpectedAnswer("HEAD without Content-Length")
        }
        return ObjectFacts(answer.headers, size: size)
    }

    private func isAbsent(_ key: String) async throws(StoreFailure) -> Bool {
        do {
            _ = try await get(key, range: .bytes(0...0), ifMatch: nil)
            return false
        } catch .notFound(let code) where code == "NoSuchKey" {
            return true
        } catch .rangeNotSatisfiable {
            return false
        }
    }
}

private func headerValue(of range: ByteRange) throws(StoreFailure) -> String {
    switch range {
    case .bytes(let bounds) where bounds.lowerBound >= 0:
        return "bytes=\(bounds.lowerBound)-\(bounds.upperBound)"
    case .from(let first) where first >= 0: return "bytes=\(first)-"
    case .suffix(let count) where count > 0: return "bytes=-\(count)"
    default: throw .rangeNotSatisfiable(size: nil)
    }
}

extension ContentRange {
    /// `bytes 0-9/443` or `bytes 0-9/*`
    init?(header: String) {
        let words = header.split(separator: " ")
        guard words.count == 2, words[0] == "bytes" else { return nil }
        let halves = words[1].split(separator: "/")
        let bounds = halves.first?.split(separator: "-").compactMap { Int64($0) } ?? []
        guard halves.count == 2, bounds.count == 2, bounds[0] >= 0, bounds[0] <= bounds[1] else { return nil }
        self.init(first: bounds[0], last: bounds[1], total: Int64(halves[1]))
    }
}

extension ObjectFacts {
    init(_ headers: HTTPHeaders, size: Int64) {
        var metadata: [String: String] = [:]
        for (name, value) in headers {
            let name = name.lowercased()
            if name.hasPrefix("x-amz-meta-") { metadata[String(name.dropFirst(11))] = value }
        }
        self.init(
            size: size,
            etag: unquoted(headers.first(name: "etag")),
            contentType: headers.first(name: "content-type"),
            metadata: metadata,
            lastModified: headers.first(name: "last-modified").flatMap { timestamp(httpDate: $0) },
            versionID: headers.first(name: "x-amz-version-id"),
            checksumSHA256: headers.first(name: "x-amz-checksum-sha256")
        )
    }
}

/// An ETag without its quotes; empty when there is none.
func unquoted(_ etag: String?) -> String {
    guard let etag else { return "" }
    let (bytes, quote) = (etag.utf8, UInt8(ascii: "\""))
    guard bytes.count >= 2, bytes.first == quote, bytes.last == quote else { return etag }
    return String(Substring(bytes.dropFirst().dropLast()))
}
