import Digests
import EventContracts
import HTTPServing
import HTTPTypes
import Hummingbird
import NIOCore
import ObjectStore

/// `GET /api/v1/files/{id}/content`: the bytes, streamed from the store as fast as the client takes them.
extension FileRoutes {
    func content(_ request: Request, _ context: ServiceContext) async throws -> Response {
        let file = try await visibleFile(request, context)
        guard file.state == .available else { throw FileFailure.quarantined }
        let tag = file.contentTag
        let conditions = Preconditions(request.headers)
        switch conditions.verdict(current: tag, lastModified: file.createdAt, isRead: true) {
        case .notModified: return Response(status: .notModified, headers: Self.cacheFields(file, tag))
        case .failed: throw RequestRefusal.preconditionFailed
        case .proceed: break
        }
        var fields = Self.fields(file, tag)
        var range: ClosedRange<Int64>?
        // RFC 9110, section 14.2: only GET has ranges.
        if request.method == .get, conditions.allowsRange(current: tag, lastModified: file.createdAt) {
            switch ByteRangeRequest(field: request.headers[.range], size: file.size) {
            case .whole: break
            case .unsatisfiable: throw RequestRefusal.rangeNotSatisfiable(size: file.size)
            case .single(let asked):
                range = asked
                fields[.contentRange] = ByteRangeRequest.contentRange(asked, size: file.size)
            }
        }
        let body = try await body(of: file, range, isHead: request.method == .head, context)
        return Response(status: range == nil ? .ok : .partialContent, headers: fields, body: body)
    }

    private func body(
        of file: File,
        _ range: ClosedRange<Int64>?,
        isHead: Bool,
        _ context: ServiceContext
    ) async throws(FileFailure) -> ResponseBody {
        let length = range.map { $0.upperBound - $0.lowerBound + 1 } ?? file.size
        if isHead || length == 0 {
            return ResponseBody(contentLength: Int(length)) { writer in try await writer.finish(nil) }
        }
        guard let admission = budget.admit(file.tenant) else { throw .busy }
        let executor = context.connectionExecutor
        // On the client's thread, so that the store's connection is one of that thread too where one is free.
        let download = try await withTaskExecutorPreference(executor) { () async throws(FileFailure) in
            try await open(file, range, length, context)
        }
        return ResponseBody(contentLength: Int(length)) { writer in
            defer { withExtendedLifetime(admission) {} }
            try await withTaskExecutorPreference(executor) {
                for try await bytes in download.body.read(on: executor) { try await writer.write(bytes) }
            }
            try await writer.finish(nil)
        }
    }

    private func open(
        _ file: File,
        _ range: ClosedRange<Int64>?,
        _ length: Int64,
        _ context: ServiceContext
    ) async throws(FileFailure) -> ObjectDownload {
        do throws(StoreFailure) {
            let download = try await store.get(
                file.objectKey.text,
                range: range.map { .bytes($0) },
                ifMatch: nil
            )
            guard download.facts.size == file.size, download.length == length else {
                throw .unexpectedAnswer(
                    "the object has \(download.facts.size) bytes where \(file.size) were stored"
                )
            }
            return download
        } catch {
            let failure = FileFailure.store(error)
            log(error, failure.problem, "download of \(file.objectKey)", context)
            throw failure
        }
    }

    /// A download must never run in our origin, whatever a user called it.
    private static func fields(_ file: File, _ tag: EntityTag) -> HTTPFields {
        var fields = cacheFields(file, tag)
        fields[.contentType] = file.contentType
        fields[.acceptRanges] = "bytes"
        fields[.contentDisposition] = ContentDisposition.attachment(fileName: file.name)
        fields[.xContentTypeOptions] = "nosniff"
        fields[.contentSecurityPolicy] = "sandbox; default-src 'none'"
        if let digest = file.knownSHA256 { fields[.reprDigest] = "sha-256=:\(digest.base64):" }
        return fields
    }

    private static func cacheFields(_ file: File, _ tag: EntityTag) -> HTTPFields {
        // Kept by the client if it likes, but asked for again each time: a deleted file must not come out of a cache.
        [
            .eTag: tag.text, .lastModified: HTTPDate.text(file.createdAt),
            .cacheControl: "private, no-cache",
        ]
    }
}
