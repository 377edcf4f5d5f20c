/// What a request says about its own signature.
struct SignatureClaim: Sendable {
    let accessKey: String
    /// Everything of the credential behind the access key.
    let scope: String
    /// Lower case, in the order given, which must be sorted.
    let signedHeaders: [String]
    let signature: String

    /// From `AWS4-HMAC-SHA256 Credential=…, SignedHeaders=…, Signature=…`.
    init(header: String) throws(S3Error) {
        let malformed = S3Error(400, "AuthorizationHeaderMalformed", "The authorization header is malformed.")
        guard header.hasPrefix("AWS4-HMAC-SHA256 ") else {
            throw .invalidArgument("Only AWS4-HMAC-SHA256 is supported.")
        }
        var fields: [String: String] = [:]
        for piece in header.dropFirst(17).split(separator: ",") {
            let sides = String(piece).trimmed.split(separator: "=", maxSplits: 1)
            guard sides.count == 2 else { throw malformed }
            fields[String(sides[0])] = String(sides[1])
        }
        guard let credential = fields["Credential"], let names = fields["SignedHeaders"],
            let signature = fields["Signature"]
        else { throw malformed }
        try self.init(credential, names, signature, otherwise: malformed)
    }

    /// From the `X-Amz-…` parameters of a presigned URL.
    init(query request: S3Request) throws(S3Error) {
        guard request.parameter("X-Amz-Algorithm") == "AWS4-HMAC-SHA256",
            let credential = request.parameter("X-Amz-Credential"),
            let names = request.parameter("X-Amz-SignedHeaders"),
            let signature = request.parameter("X-Amz-Signature")
        else {
            throw SignatureClaim.badQuery(
                "X-Amz-Algorithm, -Credential, -SignedHeaders or -Signature is missing."
            )
        }
        try self.init(
            credential,
            names,
            signature,
            otherwise: SignatureClaim.badQuery("X-Amz-Credential is malformed.")
        )
    }

    static func badQuery(_ why: String) -> S3Error { S3Error(400, "AuthorizationQueryParametersError", why) }

    private init(_ credential: String, _ names: String, _ signature: String, otherwise: S3Error)
        throws(S3Error)
    {
        guard let slash = credential.firstIndex(of: "/") else { throw otherwise }
        accessKey = String(credential[..<slash])
        scope = String(credential[credential.index(after: slash)...])
        signedHeaders = names.split(separator: ";").map(String.init)
        self.signature = signature
        guard signedHeaders == signedHeaders.sorted() else { throw otherwise }
    }
}
