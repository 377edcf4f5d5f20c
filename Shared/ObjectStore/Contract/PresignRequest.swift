public import Digests

/// What a presigned URL allows, and nothing else. Everything in it is signed.
public enum PresignRequest: Sendable {
    /// `disposition` and `contentType` are what the store puts into the answer's headers.
    case get(key: String, disposition: String? = nil, contentType: String? = nil, versionID: String? = nil)
    /// Exactly `length` bytes, and these bytes where a digest is given.
    case put(key: String, length: Int64, contentType: String? = nil, checksumSHA256: Digest256? = nil)
    case uploadPart(
        key: String,
        uploadID: String,
        number: Int,
        length: Int64,
        checksumSHA256: Digest256? = nil
    )

    /// The headers the URL's user must send, exactly so: they are part of the signature.
    public var requiredHeaders: [(name: String, value: String)] {
        switch self {
        case .get: []
        case .put(_, let length, let contentType, let checksum):
            Self.headers(length, contentType, checksum)
        case .uploadPart(_, _, _, let length, let checksum):
            Self.headers(length, nil, checksum)
        }
    }

    private static func headers(
        _ length: Int64,
        _ contentType: String?,
        _ checksum: Digest256?
    ) -> [(name: String, value: String)] {
        var headers: [(name: String, value: String)] = [("content-length", String(length))]
        if let contentType { headers.append(("content-type", contentType)) }
        if let checksum { headers.append(("x-amz-checksum-sha256", checksum.base64)) }
        return headers
    }
}
