import Digests
import FoundationEssentials
import HTTPTypes
import HummingbirdCore
import NIOCore

extension Operations {
    /// Checks the caller's list against the parts that were stored, then makes the object in one step.
    func completeMultipartUpload(
        _ call: Call,
        _ writer: borrowing ResponseWriter
    ) async throws(S3Error) -> Answer {
        let bucket = try store.bucket(call.bucketName)
        let id = call.request.parameter("uploadId") ?? ""
        let condition = try WriteCondition(call.request)
        _ = try bucket.upload(id, call.key)
        let body = try XMLParser.parse(try await PayloadReader.collect(call, writer))
        let upload = try bucket.upload(id, call.key)
        let parts = try checkedParts(body, upload)
        let size = parts.reduce(0) { $0 + $1.size }
        if let declared = call.request.header("x-amz-mp-object-size"), Int64(declared) != size {
            throw .invalidRequest("The size of the object is \(size), not x-amz-mp-object-size.")
        }
        var record = ObjectRecord(
            key: upload.record.key,
            sequence: 0,
            isNull: false,
            etag: ETag.ofParts(parts.map(\.etag)),
            size: size,
            modifiedMilliseconds: 0,
            headers: upload.record.headers,
            metadata: upload.record.metadata,
            upload: id,
            parts: parts,
            tags: upload.record.tags,
            retention: upload.record.retention,
            hasLegalHold: upload.record.hasLegalHold
        )
        record.checksum = try checksum(of: record, upload, in: bucket)
        try check(record.checksum, call.request)
        bucket.stamp(&record)
        try bucket.complete(record, upload: id, if: condition)
        return completed(record, call, in: bucket)
    }

    private func completed(_ record: ObjectRecord, _ call: Call, in bucket: Bucket) -> Answer {
        var document = XMLDocument()
        document.root("CompleteMultipartUploadResult") { root in
            root.element("Location", "/\(call.bucketName)/\(record.key)")
            root.element("Bucket", call.bucketName)
            root.element("Key", record.key)
            root.element("ETag", record.etag.quoted)
            root.element(record.checksum?.algorithm.elementName ?? "", record.checksum?.value)
            root.element("ChecksumType", record.checksum?.type.rawValue)
        }
        var answer = Answer.xml(document)
        if bucket.settings.versioning != .off { answer.set(.amzVersionID, record.version.id) }
        return answer
    }

    /// The stored parts in the order of the list.
    private func checkedParts(
        _ body: XMLElement,
        _ upload: Bucket.OpenUpload
    ) throws(S3Error) -> [PartRecord] {
        let listed = body.all("Part")
        guard body.name == "CompleteMultipartUpload", (1...10_000).contains(listed.count) else {
            throw .malformedXML
        }
        var parts: [PartRecord] = []
        for element in listed {
            guard let number = element.value("PartNumber").flatMap({ Int($0) }),
                let tag = element.value("ETag")
            else { throw .malformedXML }
            if let last = parts.last, number <= last.number { throw .invalidPartOrder }
            guard let part = upload.parts[number], entityTags(tag) == [part.etag.text] else {
                throw .invalidPart
            }
            try checkChecksum(element, part, upload.record)
            parts.append(part)
        }
        guard parts.dropLast().allSatisfy({ $0.size >= Self.partByteMinimum }) else { throw .entityTooSmall }
        return parts
    }

    /// A part that was sent with a checksum is only known by both, as on AWS.
    private func checkChecksum(
        _ element: XMLElement,
        _ part: PartRecord,
        _ upload: UploadRecord
    ) throws(S3Error) {
        for algorithm in ChecksumAlgorithm.allCases {
            guard let claimed = element.value(algorithm.elementName) else { continue }
            guard claimed == part.checksum?.value else { throw .invalidPart }
        }
        guard let checksum = part.checksum, upload.checksumType != .fullObject,
            element.value(checksum.algorithm.elementName) == nil
        else { return }
        guard upload.checksumType == .composite else { throw .invalidPart }
        throw .invalidRequest(
            "The complete request must include the checksum for each part. It was missing for part \(part.number)."
        )
    }

    private func checksum(
        of record: ObjectRecord,
        _ upload: Bucket.OpenUpload,
        in bucket: Bucket
    ) throws(S3Error) -> StoredChecksum? {
        guard let algorithm = upload.record.checksumAlgorithm, let type = upload.record.checksumType else {
            return nil
        }
        switch type {
        case .composite:
            var digests = ContentDigests(needsSHA256: false, algorithm: algorithm)
            for part in record.parts {
                let bytes = part.checksum.flatMap { Data(base64Encoded: $0.value) } ?? Data()
                Array(bytes).withUnsafeBytes { digests.update($0) }
            }
            let value = digests.finish().checksum ?? ""
            return StoredChecksum(algorithm: algorithm, value: "\(value)-\(record.parts.count)", type: type)
        case .fullObject:
            guard let lease = bucket.partFolders.lease(record.upload ?? "") else { throw .noSuchUpload }
            let stored = StoredObject(record: record, content: .parts(lease, record.parts))
            var sum = RunningChecksum(algorithm)
            var pieces = stored.pieces(0..<record.size)
            while let piece = try nextPiece(&pieces) { piece.withUnsafeReadableBytes { sum?.update($0) } }
            return sum.map { StoredChecksum(algorithm: algorithm, value: $0.base64, type: type) }
        }
    }

    /// A checksum of the whole that the caller sent along.
    private func check(_ checksum: StoredChecksum?, _ request: S3Request) throws(S3Error) {
        for algorithm in ChecksumAlgorithm.allCases {
            guard let claimed = request.header(algorithm.headerName) else { continue }
            guard algorithm == checksum?.algorithm else {
                throw .invalidRequest("The upload was not created with checksum \(algorithm.wireName).")
            }
            guard claimed == checksum?.value else { throw .badDigest(algorithm.wireName) }
        }
    }

    func nextPiece(_ pieces: inout ObjectPieces) throws(S3Error) -> ByteBuffer? {
        do throws(FileError) { return try pieces.next() } catch { throw error.answer }
    }
}
