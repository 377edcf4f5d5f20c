import HTTPTypes
import HummingbirdCore

/// The operations. Each answers one kind of request; all run on `IOThreads`.
struct Operations: Sendable {
    static let singleUploadByteLimit: Int64 = 5 << 30

    let store: Store
    let region: String
    let keys: KeyRing
    let uploadIDs: UploadIDs
}

extension Operations {
    func putObject(_ call: Call, _ writer: borrowing ResponseWriter) async throws(S3Error) -> Answer {
        let bucket = try store.bucket(call.bucketName)
        let description = try ObjectDescription(call.request)
        try checkLockAllowed(bucket, description)
        let condition = try WriteCondition(call.request)
        try bucket.check(condition, for: call.key)
        var reader = try await PayloadReader.open(call, writer)
        guard reader.claims.length <= Self.singleUploadByteLimit else { throw .entityTooLarge }
        var file = IncomingFile(store.place)
        while let piece = try await reader.next() { try file.append(piece) }
        let summary = try reader.finish()
        var record = ObjectRecord(call.key, description, etag: summary.etag, size: summary.length)
        record.checksum = summary.checksum
        bucket.stamp(&record)
        try file.seal(record)
        try bucket.publish(record, file: file.path, if: condition)
        file.keep()
        return stored(record, in: bucket)
    }

    /// The answer to anything that made a version.
    func stored(_ record: ObjectRecord, in bucket: Bucket) -> Answer {
        var answer = Answer()
        answer.set(.eTag, record.etag.quoted)
        answer.set(checksum: record.checksum)
        if bucket.settings.versioning != .off { answer.set(.amzVersionID, record.version.id) }
        return answer
    }

    func checkLockAllowed(_ bucket: Bucket, _ description: ObjectDescription) throws(S3Error) {
        guard description.retention == nil && !description.hasLegalHold || bucket.settings.hasObjectLock
        else {
            throw .invalidRequest("Bucket is missing Object Lock Configuration")
        }
    }
}

extension Answer {
    mutating func set(checksum: StoredChecksum?) {
        guard let checksum else { return }
        set(checksum.algorithm.headerName, checksum.value)
        set("x-amz-checksum-type", checksum.type.rawValue)
    }
}

extension WriteCondition {
    init(_ request: S3Request) throws(S3Error) {
        if let value = request.header("if-none-match") {
            guard value == "*" else { throw .notImplemented("If-None-Match with an ETag on a write") }
            mustBeAbsent = true
        }
        etags = request.header("if-match").map(entityTags) ?? []
    }
}

/// The ETags of `If-Match` and `If-None-Match`, without quotation marks.
func entityTags(_ header: String) -> [String] {
    header.split(separator: ",").map { piece in
        let text = String(piece).trimmed
        let strong = text.hasPrefix("W/") ? String(text.dropFirst(2)) : text
        return strong.hasPrefix("\"") && strong.hasSuffix("\"") && strong.utf8.count >= 2
            ? String(strong.dropFirst().dropLast()) : strong
    }
}
