import AsyncHTTPClient
import NIOCore
import NIOHTTP1
import Testing

@testable import ObjectStore

/// Whole requests, against signatures computed by botocore for the same requests.
@Suite("Signed requests agree with botocore")
struct SignedRequestTests {
    private func signed(_ request: S3Request, token: String? = nil) throws -> HTTPClientRequest {
        let credentials = S3Credentials(
            accessKeyID: "AKIAIOSFODNN7EXAMPLE",
            secretAccessKey: "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY",
            sessionToken: token
        )
        let settings = S3Settings(
            endpoint: "http://127.0.0.1:9000",
            bucket: "bucket",
            credentials: credentials
        )
        let signer = RequestSigner(credentials: credentials, region: settings.region)
        return SignedRequest(request, settings, try Endpoint(settings), signer, at: AWSExample.moment).http
    }

    private func signature(_ request: HTTPClientRequest) -> String {
        String(request.headers.first(name: "authorization")?.suffix(64) ?? "")
    }

    /// Unsigned, as the reference values are.
    private let stream = S3Request.Payload.stream(
        ByteStream(length: 1, HTTPClientRequest.Body.bytes(ByteBuffer(string: "x")))
    )

    @Test("a key with everything in it, a header with runs of spaces, and metadata")
    func key() throws {
        var request = S3Request(.PUT, "a b+c/ü/€/%41?#&=;:@,!$*()'~👩‍🚀", effect: .idempotent)
        request.headers =
            [("content-type", "text/plain;  charset=utf-8")] + metadataHeaders(["b": "2", "A": "1"])
        request.payload = stream
        let http = try signed(request)
        #expect(signature(http) == "afcca3bd146bdfd95cbc9eb1beaba1bbed7769c65b93c6dce8f006998728e3f2")
        #expect(http.headers.first(name: "host") == "127.0.0.1:9000")
    }

    @Test("a query whose values need encoding, and a session token")
    func query() throws {
        var request = S3Request(.PUT, "k", effect: .idempotent)
        request.query = [("uploadId", "ü +"), ("partNumber", "1")]
        request.payload = stream
        let http = try signed(request, token: "tok/+==")
        #expect(signature(http) == "4fa99016f27bf3e5fa31d4b6f8efef61b177b97907dcc000c21e469917921231")
        #expect(http.url == "http://127.0.0.1:9000/bucket/k?partNumber=1&uploadId=%C3%BC%20%2B")
    }

    @Test("empty segments of a key stay")
    func slashes() throws {
        var request = S3Request(.GET, "k//x/", effect: .readOnly)
        request.query = [("uploadId", "a/b+c=="), ("part-number-marker", "7"), ("max-parts", "1000")]
        request.payload = stream
        #expect(
            signature(try signed(request))
                == "06371324a2ac183bff2eb7e2ac2d1bbd159b2bd3d6e228d5940843b9bae1714f"
        )
    }

    @Test("bytes are hashed into the signature, streams are not")
    func payloadHash() throws {
        var request = S3Request(.PUT, "k", effect: .idempotent)
        request.payload = .bytes(ByteBuffer(string: "abc"))
        let hash = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
        #expect(try signed(request).headers.first(name: "x-amz-content-sha256") == hash)
        request.payload = stream
        #expect(try signed(request).headers.first(name: "x-amz-content-sha256") == "UNSIGNED-PAYLOAD")
    }
}
