import Digests
import HTTPTypes
import NIOCore

extension Operations {
    func copyObject(_ call: Call) throws(S3Error) -> Answer {
        let bucket = try store.bucket(call.bucketName)
        let source = try CopySource(call.request)
        let stored = try source.open(in: store)
        let isReplacing = call.request.header("x-amz-metadata-directive") == "REPLACE"
        if source.isSame(call.bucketName, call.key), source.versionID == nil, !isReplacing {
            throw .invalidRequest(
                "This copy request is illegal because it is trying to copy an object to itself without changing it."
            )
        }
        guard stored.record.size <= Self.singleUploadByteLimit else { throw .entityTooLarge }
        let description = try ObjectDescription(call.request)
        var record = stored.record
        record.key = call.key.text
        // The copy is one file whatever the source was; its ETag is the MD5 of the whole.
        (record.upload, record.parts) = (nil, [])
        (record.retention, record.hasLegalHold) = (description.retention, description.hasLegalHold)
        if isReplacing { (record.headers, record.metadata) = (description.headers, description.metadata) }
        if call.request.header("x-amz-tagging-directive") == "REPLACE" { record.tags = description.tags }
        let copied = try copy(stored, as: record, to: bucket, if: WriteCondition(call.request))
        var document = XMLDocument()
        document.root("CopyObjectResult") { root in
            root.element("LastModified", Dates.extended(milliseconds: copied.modifiedMilliseconds))
            root.element("ETag", copied.etag.quoted)
            root.element(copied.checksum?.algorithm.elementName ?? "", copied.checksum?.value)
        }
        var answer = Answer.xml(document)
        if bucket.settings.versioning != .off { answer.set(.amzVersionID, copied.version.id) }
        return answer
    }

    private func copy(
        _ stored: StoredObject,
        as description: ObjectRecord,
        to bucket: Bucket,
        if condition: WriteCondition
    ) throws(S3Error) -> ObjectRecord {
        var record = description
        let algorithm = record.checksum?.algorithm
        var received = try receive(stored, 0..<stored.record.size, algorithm)
        let values = received.values
        record.etag = ETag(md5: values.md5.bytes)
        record.checksum = algorithm.flatMap { algorithm in
            values.checksum.map { StoredChecksum(algorithm: algorithm, value: $0, type: .fullObject) }
        }
        bucket.stamp(&record)
        try received.file.seal(record)
        try bucket.publish(record, file: received.file.path, if: condition)
        received.file.keep()
        return record
    }

    /// Copies a range into a new file, taking its digests.
    func receive(
        _ stored: StoredObject,
        _ range: Range<Int64>,
        _ algorithm: ChecksumAlgorithm?
    ) throws(S3Error) -> ReceivedFile {
        var file = IncomingFile(store.place)
        var digests = ContentDigests(needsSHA256: false, algorithm: algorithm)
        var pieces = stored.pieces(range)
        while let piece = try nextPiece(&pieces) {
            piece.withUnsafeReadableBytes { digests.update($0) }
            try file.append(piece)
        }
        return ReceivedFile(file: file, values: digests.finish())
    }

    func uploadPartCopy(_ call: Call) throws(S3Error) -> Answer {
        let bucket = try store.bucket(call.bucketName)
        let (id, number) = try partAddress(call)
        let upload = try bucket.upload(id, call.key)
        let stored = try CopySource(call.request).open(in: store)
        var range = 0..<stored.record.size
        if let header = call.request.header("x-amz-copy-source-range") {
            guard case .from(let first, let last?) = ByteRange(header), last < stored.record.size else {
                throw .invalidArgument("The x-amz-copy-source-range is not valid.")
            }
            range = first..<(last + 1)
        }
        guard range.upperBound - range.lowerBound <= Self.singleUploadByteLimit else { throw .entityTooLarge }
        let algorithm = upload.record.checksumAlgorithm
        var received = try receive(stored, range, algorithm)
        let values = received.values
        let checksum = algorithm.flatMap { algorithm in
            values.checksum.map { StoredChecksum(algorithm: algorithm, value: $0, type: .fullObject) }
        }
        let part = PartRecord(
            number: number,
            size: range.upperBound - range.lowerBound,
            etag: ETag(md5: values.md5.bytes),
            modifiedMilliseconds: store.place.nowMilliseconds,
            checksum: checksum
        )
        try received.file.seal(part)
        try bucket.publishPart(part, of: id, call.key, file: received.file.path)
        received.file.keep()
        var document = XMLDocument()
        document.root("CopyPartResult") { root in
            root.element("LastModified", Dates.extended(milliseconds: part.modifiedMilliseconds))
            root.element("ETag", part.etag.quoted)
        }
        return .xml(document)
    }
}

/// A copy not yet sealed, and what its bytes came to.
struct ReceivedFile: ~Copyable {
    var file: IncomingFile
    let values: ContentDigests.Values
}

/// `x-amz-copy-source` and its conditions.
struct CopySource: Sendable {
    let bucketName: String
    let key: ObjectKey
    let versionID: String?
    private let condition: ReadCondition

    init(_ request: S3Request) throws(S3Error) {
        let invalid = S3Error.invalidArgument("The x-amz-copy-source header is not valid.")
        guard let header = request.header("x-amz-copy-source") else { throw invalid }
        let pieces = header.split(separator: "?", maxSplits: 1)
        guard let path = pieces.first.flatMap({ PercentCoding.decode($0) }) else { throw invalid }
        let bytes = path.first == UInt8(ascii: "/") ? path.dropFirst() : path[...]
        let bucket = bytes.prefix { $0 != UInt8(ascii: "/") }
        key = ObjectKey(bytes: Array(bytes.dropFirst(bucket.count + 1)))
        bucketName = String(decoding: bucket, as: UTF8.self)
        guard !bucket.isEmpty, !key.bytes.isEmpty else { throw invalid }
        guard pieces.count == 2 else {
            versionID = nil
            condition = ReadCondition(request, prefix: "x-amz-copy-source-")
            return
        }
        guard pieces[1].hasPrefix("versionId=") else { throw invalid }
        versionID = String(pieces[1].dropFirst(10))
        condition = ReadCondition(request, prefix: "x-amz-copy-source-")
    }

    func isSame(_ bucket: String, _ key: ObjectKey) -> Bool { bucketName == bucket && self.key == key }

    func open(in store: Store) throws(S3Error) -> StoredObject {
        let stored = try store.bucket(bucketName).open(key, versionID: versionID)
        do throws(S3Error) { try condition.check(stored.record) } catch { throw .preconditionFailed }
        return stored
    }
}
