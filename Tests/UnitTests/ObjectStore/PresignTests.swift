import Digests
import Testing

@testable import ObjectStore

@Suite("I57 a presigned URL allows exactly what it was made for")
struct PresignTests {
    private func presigner(
        _ settings: S3Settings
    ) throws -> Presigner {
        let signer = RequestSigner(credentials: settings.credentials, region: settings.region)
        return Presigner(signer: signer, endpoint: try Endpoint(settings))
    }

    private let aws = S3Settings(
        endpoint: "https://s3.amazonaws.com",
        bucket: "examplebucket",
        credentials: AWSExample.signer.credentials,
        addressing: .virtualHost
    )

    @Test("a GET is AWS's published example")
    func published() throws {
        let url = try presigner(aws).url(
            .get(key: "test.txt"),
            expiresIn: .seconds(86_400),
            at: AWSExample.time
        )
        #expect(
            url == "https://examplebucket.s3.amazonaws.com/test.txt?X-Amz-Algorithm=AWS4-HMAC-SHA256"
                + "&X-Amz-Credential=AKIAIOSFODNN7EXAMPLE%2F20130524%2Fus-east-1%2Fs3%2Faws4_request"
                + "&X-Amz-Date=20130524T000000Z&X-Amz-Expires=86400&X-Amz-SignedHeaders=host"
                + "&X-Amz-Signature=aeeed9bbccd4d02ee5c0109b86d86835f995330da4c265957d157751f604d404"
        )
    }

    @Test("length, type and checksum of an upload are signed, and listed for its sender")
    func signedHeaders() throws {
        let digest = Digest256.of("abc")
        let request = PresignRequest.put(
            key: "k",
            length: 3,
            contentType: "text/plain",
            checksumSHA256: digest
        )
        let url = try presigner(aws).url(request, expiresIn: .seconds(900), at: AWSExample.time)
        #expect(
            url.contains("X-Amz-SignedHeaders=content-length%3Bcontent-type%3Bhost%3Bx-amz-checksum-sha256&")
        )
        #expect(
            request.requiredHeaders.map(\.name) == [
                "content-length", "content-type", "x-amz-checksum-sha256",
            ]
        )
        let longer = PresignRequest.put(
            key: "k",
            length: 4,
            contentType: "text/plain",
            checksumSHA256: digest
        )
        #expect(try presigner(aws).url(longer, expiresIn: .seconds(900), at: AWSExample.time) != url)
    }

    @Test("a session token travels along")
    func sessionToken() throws {
        var settings = aws
        settings.credentials = S3Credentials(accessKeyID: "A", secretAccessKey: "S", sessionToken: "t/+=")
        let url = try presigner(settings).url(.get(key: "k"), expiresIn: .seconds(1), at: AWSExample.time)
        #expect(url.contains("X-Amz-Security-Token=t%2F%2B%3D"))
    }

    @Test("a URL lives from a second to seven days", arguments: [0, 604_801, -5])
    func expiry(seconds: Int) throws {
        let presigner = try presigner(aws)
        #expect(throws: StoreFailure.self) {
            try presigner.url(.get(key: "k"), expiresIn: .seconds(seconds), at: AWSExample.time)
        }
    }

    @Test("a key or a header that could be read otherwise is refused")
    func refused() throws {
        let presigner = try presigner(aws)
        for key in ["", "a/../b", "..", "a/.", String(repeating: "x", count: 1025)] {
            #expect(throws: StoreFailure.self) {
                try presigner.url(.get(key: key), expiresIn: .seconds(1), at: AWSExample.time)
            }
        }
        #expect(throws: StoreFailure.self) {
            let request = PresignRequest.put(key: "k", length: 1, contentType: "a\r\nx-evil: 1")
            return try presigner.url(request, expiresIn: .seconds(1), at: AWSExample.time)
        }
    }
}

@Suite("Endpoints")
struct EndpointTests {
    private func endpoint(
        _ url: String,
        bucket: String = "bucket",
        _ addressing: S3Settings.Addressing = .path
    )
        throws -> Endpoint
    {
        try Endpoint(
            S3Settings(
                endpoint: url,
                bucket: bucket,
                credentials: S3Credentials(accessKeyID: "A", secretAccessKey: "S"),
                addressing: addressing
            )
        )
    }

    @Test("the address is the same text for the wire and for the signature")
    func addresses() throws {
        let path = try endpoint("http://127.0.0.1:9000/")
        #expect(path.authority == "127.0.0.1:9000")
        #expect(path.path(of: "a/ü") == "/bucket/a/%C3%BC")
        #expect(path.path(of: nil) == "/bucket")
        let host = try endpoint("https://s3.example.com:443", .virtualHost)
        #expect(host.authority == "bucket.s3.example.com")
        #expect(host.path(of: "k") == "/k")
        #expect(host.path(of: nil) == "/")
        #expect(try endpoint("http://[::1]:9000").authority == "[::1]:9000")
    }

    @Test(
        "what is not an endpoint is refused",
        arguments: [
            "", "minio:9000", "ftp://h", "http://", "http://h/p", "http://u:p@h", "http://h?x=1",
            "http://h#f",
        ]
    )
    func refused(url: String) { #expect(throws: StoreFailure.self) { try endpoint(url) } }

    @Test("what is not a bucket is refused", arguments: ["", "ab", "A", "-ab", "a..b", "a/b", "a_b"])
    func buckets(name: String) {
        #expect(throws: StoreFailure.self) { try endpoint("http://h", bucket: name) }
    }

    @Test("I55 a description shows no secret")
    func secrets() throws {
        let credentials = S3Credentials(
            accessKeyID: "AKID",
            secretAccessKey: "hush-1",
            sessionToken: "hush-2"
        )
        let settings = S3Settings(endpoint: "http://h", bucket: "bucket", credentials: credentials)
        var dumped = ""
        dump(settings, to: &dumped)
        for text in ["\(credentials)", "\(settings)", String(reflecting: settings), dumped] {
            #expect(!text.contains("hush"))
        }
    }
}
