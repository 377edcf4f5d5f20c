import HTTPTypes
import NIOCore

extension Operations {
    func getObject(_ call: Call) throws(S3Error) -> Answer {
        let stored = try open(call)
        let record = stored.record
        try ReadCondition(call.request).check(record)
        var answer = try facts(of: record, call)
        let range: Range<Int64>
        if let number = call.request.parameter("partNumber") {
            range = try partRange(number, record, &answer)
        } else if let asked = try ByteRange(call.request.header("range")).resolved(size: record.size) {
            range = asked
            answer.status = 206
        } else {
            range = 0..<record.size
            if call.request.header("x-amz-checksum-mode") == "ENABLED" {
                answer.set(checksum: record.checksum)
            }
        }
        if answer.status == 206 {
            answer.set(
                .contentRange,
                "bytes \(range.lowerBound)-\(range.upperBound - 1)/\(record.size)"
            )
        }
        answer.body = .object(stored, range)
        return answer
    }

    /// Finds the version that was asked for. Its absence is told by the bucket.
    func open(_ call: Call) throws(S3Error) -> StoredObject {
        try store.bucket(call.bucketName).open(call.key, versionID: call.versionID)
    }

    private func facts(of record: ObjectRecord, _ call: Call) throws(S3Error) -> Answer {
        var answer = Answer()
        for (name, value) in record.headers { answer.set(name, value) }
        for (name, value) in record.metadata {
            // A name that is no field name cannot be sent back; it could not have come in either.
            if let field = HTTPField.Name("x-amz-meta-\(name)") { answer.headers.append((field, value)) }
        }
        answer.set(.eTag, record.etag.quoted)
        answer.set(.lastModified, Dates.http(milliseconds: record.modifiedMilliseconds))
        answer.set(.acceptRanges, "bytes")
        if try store.bucket(call.bucketName).settings.versioning != .off {
            answer.set(.amzVersionID, record.version.id)
        }
        if !record.tags.isEmpty { answer.set("x-amz-tagging-count", String(record.tags.count)) }
        if let retention = record.retention {
            answer.set("x-amz-object-lock-mode", retention.mode.rawValue)
            answer.set(
                "x-amz-object-lock-retain-until-date",
                Dates.extended(milliseconds: retention.untilMilliseconds)
            )
        }
        if record.hasLegalHold { answer.set("x-amz-object-lock-legal-hold", "ON") }
        override(&answer, call)
        return answer
    }

    /// `response-content-type` and the like, only for callers who signed them.
    private func override(_ answer: inout Answer, _ call: Call) {
        guard call.caller.grant != nil else { return }
        for name in [
            "content-type", "content-language", "expires", "cache-control", "content-disposition",
            "content-encoding",
        ] {
            guard let value = call.request.parameter("response-\(name)") else { continue }
            let field = HTTPField.Name.named(name)
            answer.headers.removeAll { $0.0 == field }
            answer.headers.append((field, value))
        }
    }

    private func partRange(
        _ text: String,
        _ record: ObjectRecord,
        _ answer: inout Answer
    ) throws(S3Error) -> Range<Int64> {
        guard let number = Int(text), (1...10_000).contains(number) else {
            throw .invalidArgument("partNumber must be between 1 and 10000.")
        }
        answer.status = record.size > 0 ? 206 : 200
        guard record.upload != nil else {
            guard number == 1 else { throw ByteRange.notSatisfiable(record.size) }
            return 0..<record.size
        }
        answer.set("x-amz-mp-parts-count", String(record.parts.count))
        guard number <= record.parts.count else { throw ByteRange.notSatisfiable(record.size) }
        let start = record.parts.prefix(number - 1).reduce(0) { $0 + $1.size }
        return start..<(start + record.parts[number - 1].size)
    }

    func getObjectAttributes(_ call: Call) throws(S3Error) -> Answer {
        let record = try open(call).record
        let wanted = Set(
            (call.request.header("x-amz-object-attributes") ?? "").split(separator: ",").map(String.init)
        )
        guard !wanted.isEmpty else { throw .invalidArgument("x-amz-object-attributes is missing.") }
        var document = XMLDocument()
        document.root("GetObjectAttributesResponse") { root in
            if wanted.contains("ETag") { root.element("ETag", record.etag.text) }
            if wanted.contains("Checksum"), let checksum = record.checksum {
                root.element("Checksum") { element in
                    element.element(checksum.algorithm.elementName, checksum.value)
                    element.element("ChecksumType", checksum.type.rawValue)
                }
            }
            if wanted.contains("ObjectParts"), record.upload != nil {
                root.element("ObjectParts") { $0.element("PartsCount", record.parts.count) }
            }
            if wanted.contains("StorageClass") { root.element("StorageClass", "STANDARD") }
            if wanted.contains("ObjectSize") { root.element("ObjectSize", record.size) }
        }
        var answer = Answer.xml(document)
        answer.set(.lastModified, Dates.http(milliseconds: record.modifiedMilliseconds))
        return answer
    }
}
