import Determinism
import Digests

/// Who sent a request, and how its body is protected.
struct Caller: Sendable {
    /// Nil for an anonymous caller: only a bucket policy can let it in.
    let grant: Grant?
    let payload: PayloadProtection
    /// Present when chunks must be verified: the signatures continue the request's.
    var chain: (context: SigningContext, seed: String)?
}

enum PayloadProtection: Sendable {
    case digest(Digest256)
    case unsigned
    /// `aws-chunked` with a signature per chunk.
    case signedChunks(hasTrailer: Bool)
    /// `aws-chunked` whose trailer carries a checksum.
    case unsignedChunks
}

/// Checks Signature Version 4 in the header or in the query string, strictly.
struct Authenticator: Sendable {
    static let skewLimit = Duration.seconds(15 * 60)
    static let expiryLimit: Int64 = 7 * 24 * 3600

    let keys: KeyRing
    let region: String
    let time: any TimeSource

    func authenticate(_ request: S3Request) throws(S3Error) -> Caller {
        if let authorization = request.header("authorization") {
            guard !request.has("X-Amz-Signature") else {
                throw .invalidArgument("Only one authentication mechanism is allowed.")
            }
            return try header(request, authorization)
        }
        if request.has("X-Amz-Signature") || request.has("X-Amz-Algorithm") { return try presigned(request) }
        return Caller(grant: nil, payload: .unsigned)
    }

    private func header(_ request: S3Request, _ authorization: String) throws(S3Error) -> Caller {
        let claim = try SignatureClaim(header: authorization)
        guard let date = request.header("x-amz-date"), let instant = Dates.parseBasic(date) else {
            throw .accessDenied("A valid x-amz-date header is required.")
        }
        let age = time.now.duration(since: instant)
        guard max(age, .zero - age) <= Self.skewLimit else {
            throw S3Error(
                403,
                "RequestTimeTooSkewed",
                "The request's time is more than 15 minutes from the store's."
            )
        }
        guard let content = request.header("x-amz-content-sha256") else {
            throw .invalidRequest("Missing required header for this request: x-amz-content-sha256")
        }
        let (grant, context) = try verify(request, claim, date: date, payload: content)
        return Caller(grant: grant, payload: try protection(content), chain: (context, claim.signature))
    }

    private func presigned(_ request: S3Request) throws(S3Error) -> Caller {
        let claim = try SignatureClaim(query: request)
        guard let date = request.parameter("X-Amz-Date"), let instant = Dates.parseBasic(date),
            let lifetime = request.parameter("X-Amz-Expires").flatMap({ Int64($0) }),
            (1...Self.expiryLimit).contains(lifetime)
        else {
            throw SignatureClaim.badQuery("X-Amz-Expires must be between 1 and 604800 seconds.")
        }
        let age = time.now.duration(since: instant)
        guard age >= .zero - Self.skewLimit else { throw .accessDenied("Request is not valid yet") }
        guard age <= .seconds(lifetime) else { throw .accessDenied("Request has expired") }
        let content =
            request.header("x-amz-content-sha256") ?? request.parameter("X-Amz-Content-Sha256")
            ?? "UNSIGNED-PAYLOAD"
        let (grant, context) = try verify(request, claim, date: date, payload: content)
        return Caller(grant: grant, payload: try protection(content), chain: (context, claim.signature))
    }

    private func verify(
        _ request: S3Request,
        _ claim: SignatureClaim,
        date: String,
        payload: String
    ) throws(S3Error) -> (Grant, SigningContext) {
        let grant = try keys.grant(claim.accessKey)
        let context = SigningContext(secret: grant.secret, date: date, region: region)
        guard claim.scope == context.scope else {
            throw S3Error(
                400,
                "AuthorizationHeaderMalformed",
                "The credential's scope is \(claim.scope); expecting \(context.scope)."
            )
        }
        let signed = Set(claim.signedHeaders)
        let unsigned = request.headers.map(\.name).filter { $0.hasPrefix("x-amz-") && !signed.contains($0) }
        guard signed.contains("host"), unsigned.isEmpty else {
            throw .accessDenied(
                "There were headers present in the request which were not signed: \(unsigned.joined(separator: ", "))"
            )
        }
        let canonical = request.canonical(signedHeaders: claim.signedHeaders, payload: payload)
        guard isSameSignature(context.signature(of: canonical), claim.signature) else { throw .badSignature }
        return (grant, context)
    }

    private func protection(_ content: String) throws(S3Error) -> PayloadProtection {
        switch content {
        case "UNSIGNED-PAYLOAD": return .unsigned
        case "STREAMING-AWS4-HMAC-SHA256-PAYLOAD": return .signedChunks(hasTrailer: false)
        case "STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER": return .signedChunks(hasTrailer: true)
        case "STREAMING-UNSIGNED-PAYLOAD-TRAILER": return .unsignedChunks
        default:
            guard let digest = Digest256(hex: content) else {
                throw .invalidArgument(
                    "x-amz-content-sha256 must be UNSIGNED-PAYLOAD, a STREAMING form or a SHA-256."
                )
            }
            return .digest(digest)
        }
    }
}
