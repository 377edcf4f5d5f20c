import Determinism
import Digests
import Testing

@testable import ObjectStore

/// One of each kind, of the text `abc`.
private let sums: [PartChecksum] = [
    (.sha256, "ungWv48Bz+pBQUDeXa4iI7ADYaOWF3qctBD/YfIAFa0="), (.crc32c, "Nks/tw=="),
    (.crc64nvme, "BeXKuz/B+us="), (.md5, "kAFQmDzST7DWlj99KOF/cg=="),
].compactMap { PartChecksum($0, base64: $1) }

@Suite("I57 a presigned URL allows exactly what it was made for")
struct PresignTests {
    private let aws = S3Settings(
        endpoint: "https://s3.amazonaws.com",
        bucket: "examplebucket",
        credentials: AWSExample.signer.credentials,
        addressing: .virtualHost
    )

    @Test("a GET is AWS's published example")
    func published() throws {
        let url = try Presigner(aws).url(
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

    private func names(_ url: String) throws -> String {
        let query = try #require(url.split(separator: "?").last)
        let item = try #require(query.split(separator: "&").first { $0.hasPrefix("X-Amz-SignedHeaders=") })
        return String(item.dropFirst("X-Amz-SignedHeaders=".count)).replacing("%3B", with: ";")
    }

    @Test("everything an upload is held to is signed, and listed for its sender", arguments: sums)
    func signedHeaders(sum: PartChecksum) throws {
        let put = PresignRequest.put(
            key: "k",
            length: 3,
            contentType: "text/plain",
            checksum: sum,
            ifNoneMatchAny: true,
            metadata: ["Upload": "7", "attempt": "2"]
        )
        let part = PresignRequest.uploadPart(key: "k", uploadID: "u", number: 1, length: 3, checksum: sum)
        for (request, others) in [
            (put, ["content-type", "if-none-match", "x-amz-meta-attempt", "x-amz-meta-upload"]), (part, []),
        ] {
            let expected = (["content-length", sum.headerName] + others).sorted()
            #expect(request.requiredHeaders.map(\.name) == expected)
            let url = try Presigner(aws).url(request, expiresIn: .seconds(900), at: AWSExample.time)
            #expect(try names(url).split(separator: ";").map(String.init) == (expected + ["host"]).sorted())
        }
        #expect(put.requiredHeaders.first { $0.name == sum.headerName }?.value == sum.base64)
        #expect(put.requiredHeaders.first { $0.name == "if-none-match" }?.value == "*")
    }

    @Test("a URL for other bytes, another place or another condition is another URL")
    func different() throws {
        let other = sums.map { PresignRequest.put(key: "k", length: 3, checksum: $0) }
        let requests: [PresignRequest] =
            [
                .put(key: "k", length: 3), .put(key: "k", length: 4), .put(key: "l", length: 3),
                .put(key: "k", length: 3, contentType: "a/b"),
                .put(key: "k", length: 3, ifNoneMatchAny: true),
                .put(key: "k", length: 3, metadata: ["a": "1"]),
                .put(key: "k", length: 3, metadata: ["a": "2"]),
                .uploadPart(key: "k", uploadID: "u", number: 1, length: 3),
                .uploadPart(key: "k", uploadID: "u", number: 2, length: 3),
                .uploadPart(key: "k", uploadID: "v", number: 1, length: 3), .get(key: "k"),
            ] + other
        let presigner = try Presigner(aws)
        let signatures = try requests.map {
            try presigner.url($0, expiresIn: .seconds(900), at: AWSExample.time).suffix(64)
        }
        #expect(Set(signatures).count == requests.count)
    }

    @Test("the parameters stand in the order they are signed in")
    func order() throws {
        var settings = aws
        settings.credentials = S3Credentials(accessKeyID: "A", secretAccessKey: "S", sessionToken: "T")
        let url = try Presigner(settings).url(
            .get(key: "k", disposition: "inline", contentType: "a/b", versionID: "v 1"),
            expiresIn: .seconds(1),
            at: AWSExample.time
        )
        let query = try #require(url.split(separator: "?").last).split(separator: "&").dropLast()
        #expect(query.map(String.init) == query.map(String.init).sorted())
        #expect(query.last == "versionId=v%201")
        #expect(query.contains("X-Amz-Security-Token=T"))
    }

    @Test("URLs are made with a key and an endpoint of their own, where there are such")
    func ownKey() throws {
        var settings = aws
        settings.presigning = S3Presigning(
            credentials: S3Credentials(accessKeyID: "PUTONLY", secretAccessKey: "other"),
            endpoint: "https://files.example"
        )
        let url = try Presigner(settings).url(.get(key: "k"), expiresIn: .seconds(1), at: AWSExample.time)
        #expect(url.hasPrefix("https://examplebucket.files.example/k?"))
        #expect(url.contains("X-Amz-Credential=PUTONLY%2F"))
        #expect(!url.contains(aws.credentials.accessKeyID))
        settings.presigning.endpoint = "files.example"
        #expect(throws: StoreFailure.self) { try Presigner(settings) }
    }

    @Test("the signature goes on after midnight and back again")
    func days() throws {
        let presigner = try Presigner(aws)
        let today = try presigner.url(.get(key: "k"), expiresIn: .seconds(1), at: AWSExample.time)
        let tomorrow = AWSExample.time.advanced(by: .seconds(86_400))
        let next = try presigner.url(.get(key: "k"), expiresIn: .seconds(1), at: tomorrow)
        #expect(next.contains("%2F20130525%2F") && next.suffix(64) != today.suffix(64))
        #expect(try Presigner(aws).url(.get(key: "k"), expiresIn: .seconds(1), at: tomorrow) == next)
        #expect(try presigner.url(.get(key: "k"), expiresIn: .seconds(1), at: AWSExample.time) == today)
    }

    @Test("a session token travels along")
    func sessionToken() throws {
        var settings = aws
        settings.credentials = S3Credentials(accessKeyID: "A", secretAccessKey: "S", sessionToken: "t/+=")
        let url = try Presigner(settings).url(.get(key: "k"), expiresIn: .seconds(1), at: AWSExample.time)
        #expect(url.contains("X-Amz-Security-Token=t%2F%2B%3D"))
    }

    @Test("a URL lives from a second to seven days", arguments: [0, 604_801, -5])
    func expiry(seconds: Int) throws {
        let presigner = try Presigner(aws)
        #expect(throws: StoreFailure.self) {
            try presigner.url(.get(key: "k"), expiresIn: .seconds(seconds), at: AWSExample.time)
        }
    }

    @Test("a key or a header that could be read otherwise is refused")
    func refused() throws {
        let presigner = try Presigner(aws)
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

    @Test(
        "what no store would take gets no URL",
        arguments: [
            .put(key: "k", length: -1), .put(key: "k", length: (5 << 30) + 1), .put(key: "k", length: .min),
            .put(key: "k", length: 1, metadata: ["A": "1", "a": "2"]),
            .put(key: "k", length: 1, metadata: ["a b": "1"]),
            .put(key: "k", length: 1, metadata: ["a": "\n"]),
            .uploadPart(key: "k", uploadID: "u", number: 0, length: 1),
            .uploadPart(key: "k", uploadID: "u", number: 10_001, length: 1),
            .uploadPart(key: "k", uploadID: "u", number: 1, length: -1),
            .uploadPart(key: "k", uploadID: "", number: 1, length: 1),
        ] as [PresignRequest]
    )
    func outside(request: PresignRequest) throws {
        let presigner = try Presigner(aws)
        #expect(throws: StoreFailure.self) {
            try presigner.url(request, expiresIn: .seconds(1), at: AWSExample.time)
        }
    }
}
