/// What a presigned URL allows, and nothing else. Everything in it is signed.
public enum PresignRequest: Sendable {
    /// `disposition` and `contentType` are what the store puts into the answer's headers.
    case get(key: String, disposition: String? = nil, contentType: String? = nil, versionID: String? = nil)
    /// Exactly `length` bytes, and these bytes where a checksum is given. With `ifNoneMatchAny` only where nothing is:
    /// see `StoreProfile.conditionalWritesEnforced` before trusting that.
    case put(
        key: String,
        length: Int64,
        contentType: String? = nil,
        checksum: PartChecksum? = nil,
        ifNoneMatchAny: Bool = false,
        metadata: [String: String] = [:]
    )
    case uploadPart(key: String, uploadID: String, number: Int, length: Int64, checksum: PartChecksum? = nil)

    /// The headers the URL's user must send, exactly so: they are part of the signature. In the order of their names,
    /// which are lower case.
    public var requiredHeaders: [(name: String, value: String)] {
        switch self {
        case .get: return []
        case .put(_, let length, let contentType, let checksum, let ifNoneMatchAny, let metadata):
            var headers = Self.headers(length, checksum)
            if let contentType { headers.append(("content-type", contentType)) }
            if ifNoneMatchAny { headers.append(("if-none-match", "*")) }
            headers += metadataHeaders(metadata)
            return headers.sorted { $0.name < $1.name }
        case .uploadPart(_, _, _, let length, let checksum): return Self.headers(length, checksum)
        }
    }

    private static func headers(
        _ length: Int64,
        _ checksum: PartChecksum?
    ) -> [(name: String, value: String)] {
        let length = ("content-length", String(length))
        guard let checksum else { return [length] }
        return [length, (checksum.headerName, checksum.base64)]
    }
}

extension PresignRequest {
    /// Refuses what no store would take, or would take for something else.
    func validate(_ profile: StoreProfile) throws(StoreFailure) {
        switch self {
        case .get: return
        case .put(_, let length, _, _, _, let metadata):
            try Self.validateLength(length, profile)
            // They would become one header with two values, and not the one that was signed.
            guard Set(metadata.keys.map { $0.lowercased() }).count == metadata.count else {
                throw .refused(
                    status: 0,
                    code: "InvalidHeader",
                    message: "metadata names differ by case only"
                )
            }
        case .uploadPart(_, let uploadID, let number, let length, _):
            try Self.validateLength(length, profile)
            try validatePartNumber(number, profile)
            guard !uploadID.isEmpty else {
                throw .refused(status: 0, code: "InvalidUploadID", message: "an upload has an id")
            }
        }
    }

    private static func validateLength(_ length: Int64, _ profile: StoreProfile) throws(StoreFailure) {
        guard length >= 0, length <= profile.partSizeLimit else {
            throw .refused(
                status: 0,
                code: "InvalidLength",
                message: "one PUT carries 0 to \(profile.partSizeLimit) bytes"
            )
        }
    }
}
