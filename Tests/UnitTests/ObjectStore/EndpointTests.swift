import Testing

@testable import ObjectStore

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
