import Determinism

/// Query-string authentication. The payload is unsigned; length and checksum are bound by signed headers.
///
/// Source: AWS, "Authenticating Requests: Using Query Parameters (AWS Signature Version 4)".
struct Presigner: Sendable {
    let signer: RequestSigner
    let endpoint: Endpoint

    func url(_ request: PresignRequest, expiresIn: Duration, at time: Timestamp) throws(StoreFailure)
        -> String
    {
        guard (1...604_800).contains(expiresIn.components.seconds) else {
            throw .refused(status: 0, code: "InvalidExpiry", message: "a presigned URL lives from 1 s to 7 d")
        }
        let (method, key, items) = Self.parts(of: request)
        try validateKey(key)
        let moment = SigningMoment(time)
        var headers = request.requiredHeaders
        try validateHeaders(headers)
        headers.append(("host", endpoint.authority))
        var query =
            items + [
                ("X-Amz-Algorithm", "AWS4-HMAC-SHA256"),
                ("X-Amz-Credential", "\(signer.credentials.accessKeyID)/\(signer.scope(moment))"),
                ("X-Amz-Date", moment.stamp),
                ("X-Amz-Expires", String(expiresIn.components.seconds)),
                ("X-Amz-SignedHeaders", RequestSigner.signedHeaders(headers)),
            ]
        if let token = signer.credentials.sessionToken { query.append(("X-Amz-Security-Token", token)) }

        let subject = RequestSigner.Subject(
            method: method,
            path: endpoint.path(of: key),
            query: canonicalQuery(query),
            headers: headers,
            payloadHash: "UNSIGNED-PAYLOAD"
        )
        let signature = signer.signature(of: subject, at: moment)
        return endpoint.url(path: subject.path, query: "\(subject.query)&X-Amz-Signature=\(signature)")
    }

    private static func parts(
        of request: PresignRequest
    ) -> (method: String, key: String, query: [(name: String, value: String)]) {
        switch request {
        case .get(let key, let disposition, let contentType, let versionID):
            let named = [
                ("response-content-disposition", disposition), ("response-content-type", contentType),
                ("versionId", versionID),
            ]
            return ("GET", key, named.compactMap { name, value in value.map { (name, $0) } })
        case .put(let key, _, _, _): return ("PUT", key, [])
        case .uploadPart(let key, let uploadID, let number, _, _):
            return ("PUT", key, [("partNumber", String(number)), ("uploadId", uploadID)])
        }
    }
}
