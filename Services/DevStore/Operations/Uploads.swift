import Determinism
import Digests
import HTTPTypes
import HummingbirdCore

/// Names uploads so that they cannot be guessed.
struct UploadIDs: Sendable {
    let random: any RandomSource
    func next() -> String { hexText(random.bytes(count: 16)) }
}

extension Operations {
    static let partByteMinimum: Int64 = 5 << 20
    static let partNumbers = 1...10_000

    func createMultipartUpload(_ call: Call) throws(S3Error) -> Answer {
        let bucket = try store.bucket(call.bucketName)
        let description = try ObjectDescription(call.request)
        try checkLockAllowed(bucket, description)
        let (algorithm, type) = try checksumMode(call.request)
        let record = UploadRecord(
            id: uploadIDs.next(),
            key: call.key.text,
            startedMilliseconds: store.place.nowMilliseconds,
            headers: description.headers,
            metadata: description.metadata,
            tags: description.tags,
            checksumAlgorithm: algorithm,
            checksumType: type,
            retention: description.retention,
            hasLegalHold: description.hasLegalHold
        )
        try bucket.begin(record)
        var document = XMLDocument()
        document.root("InitiateMultipartUploadResult") { root in
            root.element("Bucket", call.bucketName)
            root.element("Key", record.key)
            root.element("UploadId", record.id)
        }
        var answer = Answer.xml(document)
        answer.set("x-amz-checksum-algorithm", algorithm?.wireName)
        answer.set("x-amz-checksum-type", type?.rawValue)
        return answer
    }

    /// Source: Amazon S3 User Guide, "Checking object integrity": CRC-64 is for whole objects, SHA-256 for parts.
    private func checksumMode(_ request: S3Request) throws(S3Error) -> (ChecksumAlgorithm?, ChecksumType?) {
        guard let name = request.header("x-amz-checksum-algorithm") else { return (nil, nil) }
        guard let algorithm = ChecksumAlgorithm(rawValue: name.lowercased()) else {
            throw .invalidRequest("Checksum algorithm provided is unsupported.")
        }
        let normal: ChecksumType = algorithm == .crc64nvme ? .fullObject : .composite
        let asked = request.header("x-amz-checksum-type")
        guard let type = asked.map({ ChecksumType(rawValue: $0) }) ?? normal,
            !(type == .composite && algorithm == .crc64nvme),
            !(type == .fullObject && algorithm == .sha256)
        else { throw .invalidRequest("The x-amz-checksum-type does not go with the algorithm.") }
        return (algorithm, type)
    }

    func uploadPart(_ call: Call, _ writer: borrowing ResponseWriter) async throws(S3Error) -> Answer {
        let bucket = try store.bucket(call.bucketName)
        let (id, number) = try partAddress(call)
        let upload = try bucket.upload(id, call.key)
        let algorithm = upload.record.checksumAlgorithm
        var reader = try await PayloadReader.open(call, writer, algorithm: algorithm)
        guard reader.claims.length <= Self.singleUploadByteLimit else { throw .entityTooLarge }
        try checkAlgorithm(reader.claims, upload.record)
        var file = IncomingFile(store.place)
        while let piece = try await reader.next() { try file.append(piece) }
        let summary = try reader.finish()
        let part = PartRecord(
            number: number,
            size: summary.length,
            etag: summary.etag,
            modifiedMilliseconds: store.place.nowMilliseconds,
            checksum: summary.checksum
        )
        try file.seal(part)
        try bucket.publishPart(part, of: id, call.key, file: file.path)
        file.keep()
        var answer = Answer()
        answer.set(.eTag, part.etag.quoted)
        if let checksum = part.checksum { answer.set(checksum.algorithm.headerName, checksum.value) }
        return answer
    }

    /// A composite is made of the parts' own checksums, so each must bring one of the kind.
    private func checkAlgorithm(
        _ claims: ContentClaims,
        _ upload: UploadRecord
    ) throws(S3Error) {
        guard let wanted = upload.checksumAlgorithm else { return }
        let isGiven = claims.checksum != nil || claims.isChecksumInTrailer
        let given = isGiven ? claims.algorithm?.rawValue ?? "null" : "null"
        guard given == wanted.rawValue || (!isGiven && upload.checksumType == .fullObject) else {
            throw .invalidRequest(
                "Checksum Type mismatch occurred, expected checksum Type: \(wanted), actual checksum Type: \(given)"
            )
        }
    }

    func partAddress(_ call: Call) throws(S3Error) -> (id: String, number: Int) {
        guard let number = call.request.parameter("partNumber").flatMap({ Int($0) }),
            Self.partNumbers.contains(number)
        else { throw .invalidArgument("Part number must be an integer between 1 and 10000, inclusive.") }
        return (call.request.parameter("uploadId") ?? "", number)
    }

    func abortMultipartUpload(_ call: Call) throws(S3Error) -> Answer {
        try store.bucket(call.bucketName).abort(call.request.parameter("uploadId") ?? "", call.key)
        return Answer(204)
    }

    func listParts(_ call: Call) throws(S3Error) -> Answer {
        let id = call.request.parameter("uploadId") ?? ""
        let upload = try store.bucket(call.bucketName).upload(id, call.key)
        let limit = try call.limit("max-parts", upTo: 1000)
        let marker = call.request.parameter("part-number-marker").flatMap { Int($0) } ?? 0
        let rest = upload.parts.values.filter { $0.number > marker }.sorted { $0.number < $1.number }
        let page = rest.prefix(limit)
        var document = XMLDocument()
        document.root("ListPartsResult") { root in
            root.element("Bucket", call.bucketName)
            root.element("Key", upload.record.key)
            root.element("UploadId", id)
            root.element("StorageClass", "STANDARD")
            root.element("PartNumberMarker", marker)
            root.element("NextPartNumberMarker", page.last?.number ?? 0)
            root.element("MaxParts", limit)
            root.element("IsTruncated", page.count < rest.count)
            root.element("ChecksumAlgorithm", upload.record.checksumAlgorithm?.wireName)
            for part in page { root.part(part) }
        }
        return .xml(document)
    }
}

extension XMLDocument {
    fileprivate mutating func part(_ part: PartRecord) {
        element("Part") { element in
            element.element("PartNumber", part.number)
            element.element("LastModified", Dates.extended(milliseconds: part.modifiedMilliseconds))
            element.element("ETag", part.etag.quoted)
            element.element("Size", part.size)
            element.element(part.checksum?.algorithm.elementName ?? "", part.checksum?.value)
        }
    }
}
