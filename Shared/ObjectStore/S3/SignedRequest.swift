import AsyncHTTPClient
import Digests
import NIOCore
import NIOHTTP1

/// A request with its signature, ready for one attempt.
struct SignedRequest {
    private(set) var http: HTTPClientRequest
    private(set) var feed: BodyFeed?

    init(
        _ request: S3Request,
        _ settings: S3Settings,
        _ endpoint: Endpoint,
        _ signer: RequestSigner,
        at moment: SigningMoment
    ) {
        let streamSigning = settings.profile.streamSigning
        let body = Self.plan(
            request.payload,
            request.hasNoTrailer ? .unsigned : request.trailer.map { streamSigning.with($0) } ?? streamSigning
        )
        var headers = request.headers + body.headers
        headers.append(("host", endpoint.authority))
        headers.append(("x-amz-content-sha256", body.payloadHash))
        headers.append(("x-amz-date", moment.stamp))
        if let token = signer.credentials.sessionToken { headers.append(("x-amz-security-token", token)) }

        let subject = RequestSigner.Subject(
            method: request.method.rawValue,
            path: endpoint.path(of: request.key),
            query: canonicalQuery(request.query),
            headers: headers,
            payloadHash: body.payloadHash
        )
        let (authorization, signature) = signer.authorization(subject, at: moment)
        headers.append(("authorization", authorization))
        http = HTTPClientRequest(url: endpoint.url(path: subject.path, query: subject.query))
        http.method = request.method
        http.headers = HTTPHeaders(headers.map { ($0.name, $0.value) })
        attach(request.payload, body, signature, signer, moment)
    }

    private mutating func attach(
        _ payload: S3Request.Payload,
        _ plan: BodyPlan,
        _ signature: String,
        _ signer: RequestSigner,
        _ moment: SigningMoment
    ) {
        switch payload {
        case .none: break
        case .bytes(let buffer) where buffer.readableBytes <= BodyFeed.sliceSize: http.body = .bytes(buffer)
        case .bytes(let buffer): feed = BodyFeed(.bytes(buffer), wireLength: Int64(buffer.readableBytes))
        case .stream(let stream):
            guard let trailer = plan.trailer else {
                feed = BodyFeed(.stream(stream), wireLength: stream.length)
                return
            }
            let length = ChunkedEncoder.encodedLength(
                of: stream.length,
                checksum: trailer.checksum,
                isSigned: trailer.isSigned
            )
            feed = BodyFeed(.stream(stream), wireLength: length) {
                let signing =
                    trailer.isSigned
                    ? ChunkedEncoder.Signing(signer: signer, moment: moment, previous: signature) : nil
                return ChunkedEncoder(length: stream.length, checksum: trailer.checksum, signing: signing)
            }
        }
    }

    private struct BodyPlan {
        var payloadHash: String
        var headers: [(name: String, value: String)] = []
        var trailer: (checksum: StoreProfile.TrailingChecksum, isSigned: Bool)?
    }

    private static func plan(_ payload: S3Request.Payload, _ signing: StoreProfile.StreamSigning) -> BodyPlan
    {
        switch payload {
        case .none: return BodyPlan(payloadHash: Digest256.of("").hex)
        // Every store compares: what was damaged on its way is refused, not stored.
        case .bytes(let buffer):
            return BodyPlan(payloadHash: buffer.withUnsafeReadableBytes { Digest256.of($0) }.hex)
        case .stream(let stream):
            switch signing {
            case .unsigned: return BodyPlan(payloadHash: "UNSIGNED-PAYLOAD")
            case .unsignedTrailer(let checksum):
                return chunked("STREAMING-UNSIGNED-PAYLOAD-TRAILER", stream, checksum, isSigned: false)
            case .signedTrailer(let checksum):
                return chunked("STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER", stream, checksum, isSigned: true)
            }
        }
    }

    private static func chunked(
        _ hash: String,
        _ stream: ByteStream,
        _ checksum: StoreProfile.TrailingChecksum,
        isSigned: Bool
    ) -> BodyPlan {
        BodyPlan(
            payloadHash: hash,
            headers: [
                ("content-encoding", "aws-chunked"),
                ("x-amz-decoded-content-length", String(stream.length)),
                ("x-amz-trailer", checksum.headerName),
            ],
            trailer: (checksum, isSigned)
        )
    }
}

extension StoreProfile.StreamSigning {
    /// With that checksum behind the body, signed where it would be signed.
    fileprivate func with(_ checksum: StoreProfile.TrailingChecksum) -> Self {
        if case .signedTrailer = self { return .signedTrailer(checksum) }
        return .unsignedTrailer(checksum)
    }
}
