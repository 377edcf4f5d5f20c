import Determinism

/// Query-string authentication. The payload is unsigned; length and checksum are bound by signed headers.
///
/// Source: AWS, "Authenticating Requests: Using Query Parameters (AWS Signature Version 4)".
struct Presigner: Sendable {
    private let signer: RequestSigner
    private let endpoint: Endpoint
    private let profile: StoreProfile

    init(_ settings: S3Settings) throws(StoreFailure) {
        let credentials = settings.presigning.credentials ?? settings.credentials
        signer = RequestSigner(credentials: credentials, region: settings.region)
        endpoint = try Endpoint(settings, at: settings.presigning.endpoint)
        profile = settings.profile
    }

    func url(_ request: PresignRequest, expiresIn: Duration, at time: Timestamp) throws(StoreFailure)
        -> String
    {
        let seconds = expiresIn.components.seconds
        guard (1...604_800).contains(seconds) else {
            throw .refused(status: 0, code: "InvalidExpiry", message: "a presigned URL lives from 1 s to 7 d")
        }
        try request.validate(profile)
        let (method, key, items) = request.target
        try validateKey(key)
        var headers = request.requiredHeaders
        try validateHeaders(headers)
        headers.append(("host", endpoint.authority))
        headers.sort { $0.name < $1.name }

        let moment = SigningMoment(time)
        // What is signed has the URL's path and query in it.
        var canonical = RequestText(capacity: 1_024)
        canonical.append(method)
        canonical.append("\n")
        let path = canonical.appendedRange { endpoint.append(pathOf: key, to: &$0) }
        canonical.append("\n")
        let query = canonical.appendedRange { append(items, headers, seconds, moment, to: &$0) }
        canonical.append("\n")
        RequestSigner.append(headers, to: &canonical)
        canonical.append("UNSIGNED-PAYLOAD")

        var url = RequestText(capacity: canonical.bytes.count + 64)
        url.append(endpoint.scheme)
        url.append("://")
        url.append(endpoint.authority)
        url.append(canonical.bytes[path])
        url.append("?")
        url.append(canonical.bytes[query])
        url.append("&X-Amz-Signature=")
        url.append(signer.signature(ofCanonical: canonical.bytes, at: moment))
        return url.string
    }

    /// In the order of the encoded names, as the signature wants them: capitals stand before the request's own.
    private func append(
        _ items: [(name: StaticString, value: String)],
        _ headers: [(name: String, value: String)],
        _ seconds: Int64,
        _ moment: SigningMoment,
        to text: inout RequestText
    ) {
        text.append("X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=")
        text.append(encoded: signer.credentials.accessKeyID)
        text.append("%2F")
        text.append(encoded: signer.scope(moment))
        text.append("&X-Amz-Date=")
        text.append(moment.stamp)
        text.append("&X-Amz-Expires=")
        text.append(String(seconds))
        if let token = signer.credentials.sessionToken {
            text.append("&X-Amz-Security-Token=")
            text.append(encoded: token)
        }
        text.append("&X-Amz-SignedHeaders=")
        for (number, header) in headers.enumerated() {
            if number > 0 { text.append("%3B") }
            text.append(header.name)
        }
        for (name, value) in items {
            text.append("&")
            text.append(name)
            text.append("=")
            text.append(encoded: value)
        }
    }
}

extension PresignRequest {
    /// The parameters in the order of their names, which need no encoding.
    fileprivate var target: (method: StaticString, key: String, query: [(name: StaticString, value: String)])
    {
        switch self {
        case .get(let key, let disposition, let contentType, let versionID):
            let named: [(StaticString, String?)] = [
                ("response-content-disposition", disposition), ("response-content-type", contentType),
                ("versionId", versionID),
            ]
            return ("GET", key, named.compactMap { name, value in value.map { (name, $0) } })
        case .put(let key, _, _, _, _, _): return ("PUT", key, [])
        case .uploadPart(let key, let uploadID, let number, _, _):
            return ("PUT", key, [("partNumber", String(number)), ("uploadId", uploadID)])
        }
    }
}
