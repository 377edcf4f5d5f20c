import Determinism

/// What a PUT, a copy or the start of an upload says about the object, apart from its bytes.
struct ObjectDescription: Sendable {
    static let metadataByteLimit = 2048
    private static let keptHeaders = [
        "content-type", "cache-control", "content-disposition", "content-language", "expires",
    ]
    /// Options that change what storing means. Ignoring one would be a lie.
    private static let unsupportedHeaders = [
        "x-amz-server-side-encryption", "x-amz-server-side-encryption-customer-algorithm",
        "x-amz-website-redirect-location", "x-amz-grant-full-control", "x-amz-grant-read",
        "x-amz-grant-write",
    ]

    var headers: [String: String] = [:]
    var metadata: [String: String] = [:]
    var tags: [Tag] = []
    var retention: Retention?
    var hasLegalHold = false

    init(_ request: S3Request) throws(S3Error) {
        for name in Self.unsupportedHeaders where request.header(name) != nil { throw .notImplemented(name) }
        for name in Self.keptHeaders { headers[name] = request.header(name) }
        if headers["content-type"] == nil { headers["content-type"] = "binary/octet-stream" }
        headers["content-encoding"] = ObjectDescription.encoding(request.header("content-encoding"))
        try readMetadata(request)
        if let tagging = request.header("x-amz-tagging") { tags = try ObjectDescription.tags(tagging) }
        try readLock(request)
    }

    private mutating func readMetadata(_ request: S3Request) throws(S3Error) {
        var byteCount = 0
        for (name, value) in request.headers where name.hasPrefix("x-amz-meta-") {
            let short = String(name.dropFirst(11))
            metadata[short] = metadata[short].map { "\($0),\(value)" } ?? value
            byteCount += short.utf8.count + value.utf8.count
        }
        guard byteCount <= Self.metadataByteLimit else {
            throw S3Error(
                400,
                "MetadataTooLarge",
                "The user metadata is larger than \(Self.metadataByteLimit) bytes."
            )
        }
    }

    private mutating func readLock(_ request: S3Request) throws(S3Error) {
        hasLegalHold = request.header("x-amz-object-lock-legal-hold") == "ON"
        guard let mode = request.header("x-amz-object-lock-mode") else { return }
        guard let mode = Retention.Mode(rawValue: mode),
            let until = request.header("x-amz-object-lock-retain-until-date").flatMap(Dates.parseExtended)
        else { throw .invalidArgument("The object lock headers are not valid.") }
        retention = Retention(mode: mode, untilMilliseconds: until.millisecondsSinceEpoch)
    }

    /// `aws-chunked` describes the transfer, not the object.
    private static func encoding(_ header: String?) -> String? {
        let kept = header?.split(separator: ",").map { String($0).trimmed }.filter { $0 != "aws-chunked" }
        return kept.flatMap { $0.isEmpty ? nil : $0.joined(separator: ",") }
    }

    /// `a=1&b=2`, percent-encoded.
    private static func tags(_ text: String) throws(S3Error) -> [Tag] {
        var tags: [Tag] = []
        for piece in text.split(separator: "&") {
            let sides = piece.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
            guard let key = PercentCoding.decode(sides[0], plusIsSpace: true),
                let value = PercentCoding.decode(sides.count == 2 ? sides[1] : "", plusIsSpace: true)
            else { throw .invalidArgument("The x-amz-tagging header is not valid.") }
            tags.append(
                Tag(key: String(decoding: key, as: UTF8.self), value: String(decoding: value, as: UTF8.self))
            )
        }
        try checkTags(tags)
        return tags
    }
}

/// At most ten, each key once and not empty. Source: Amazon S3 User Guide, "Categorizing your objects using tags".
func checkTags(_ tags: [Tag]) throws(S3Error) {
    guard tags.count <= 10, Set(tags.map(\.key)).count == tags.count,
        tags.allSatisfy({ (1...128).contains($0.key.count) && $0.value.count <= 256 })
    else { throw S3Error(400, "InvalidTag", "The tags are not valid.") }
}

extension ObjectRecord {
    /// Not yet stamped with its place in the order of versions.
    init(_ key: ObjectKey, _ description: ObjectDescription, etag: ETag, size: Int64) {
        self.init(
            key: key.text,
            sequence: 0,
            isNull: false,
            etag: etag,
            size: size,
            modifiedMilliseconds: 0,
            headers: description.headers,
            metadata: description.metadata,
            tags: description.tags,
            retention: description.retention,
            hasLegalHold: description.hasLegalHold
        )
    }
}
