import Determinism
import Testing

@testable import ObjectStore

/// The worked examples of the Amazon S3 API Reference: their key, time, bucket and region.
enum AWSExample {
    static let signer = RequestSigner(
        credentials: S3Credentials(
            accessKeyID: "AKIAIOSFODNN7EXAMPLE",
            secretAccessKey: "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"
        ),
        region: "us-east-1"
    )
    /// 2013-05-24T00:00:00Z
    static let time = Timestamp(secondsSinceEpoch: 1_369_353_600)
    static let moment = SigningMoment(time)
    static let emptyHash = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"

    static func subject(
        _ method: String,
        _ path: String,
        query: [(name: String, value: String)] = [],
        headers: [(name: String, value: String)],
        hash: String = emptyHash
    ) -> RequestSigner.Subject {
        RequestSigner.Subject(
            method: method,
            path: path,
            query: canonicalQuery(query),
            headers: headers + [
                ("host", "examplebucket.s3.amazonaws.com"), ("x-amz-content-sha256", hash),
                ("x-amz-date", "20130524T000000Z"),
            ],
            payloadHash: hash
        )
    }
}

@Suite("Signature Version 4 gives AWS's published values")
struct SigningTests {
    @Test("GET with a range")
    func getObject() {
        let subject = AWSExample.subject("GET", "/test.txt", headers: [("range", "bytes=0-9")])
        let signed = AWSExample.signer.authorization(subject, at: AWSExample.moment)
        #expect(signed.signature == "f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41")
        #expect(
            signed.header
                == "AWS4-HMAC-SHA256 Credential=AKIAIOSFODNN7EXAMPLE/20130524/us-east-1/s3/aws4_request, "
                + "SignedHeaders=host;range;x-amz-content-sha256;x-amz-date, "
                + "Signature=f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41"
        )
    }

    @Test("PUT whose key has a character to encode")
    func putObject() {
        let subject = AWSExample.subject(
            "PUT",
            "/\(uriEncoded("test$file.text", keepingSlash: true))",
            headers: [
                ("date", "Fri, 24 May 2013 00:00:00 GMT"), ("x-amz-storage-class", "REDUCED_REDUNDANCY"),
            ],
            hash: "44ce7dd67c959e0d3524ffac1771dfbba87d2b6b4b4e99e42034a8b803f8b072"
        )
        let signature = AWSExample.signer.signature(of: subject, at: AWSExample.moment)
        #expect(signature == "98ad721746da40c64f1a55b78f14c238d841ea1380cd77a1b5971af0ece108bd")
    }

    @Test("GET of a subresource without a value")
    func lifecycle() {
        let subject = AWSExample.subject("GET", "/", query: [("lifecycle", "")], headers: [])
        let signature = AWSExample.signer.signature(of: subject, at: AWSExample.moment)
        #expect(signature == "fea454ca298b7da1c68078a5d1bdbfbbe0d65c699e0f91ac7a200a0136783543")
    }

    @Test("GET with a query that must be sorted")
    func list() {
        let subject = AWSExample.subject(
            "GET",
            "/",
            query: [("prefix", "J"), ("max-keys", "2")],
            headers: []
        )
        let signature = AWSExample.signer.signature(of: subject, at: AWSExample.moment)
        #expect(signature == "34b48302e7b5fa45bde8084f4b7868a86f0a534bc59db6670ed5711ef69dc6f7")
    }

    @Test("values are trimmed and their spaces made one, as AWS canonicalises them")
    func canonicalValues() {
        let subject = AWSExample.subject("GET", "/", headers: [("my-header1", "  a   b \t c  ")])
        #expect(
            String(decoding: RequestSigner.canonicalRequest(subject), as: UTF8.self).contains(
                "\nmy-header1:a b c\n"
            )
        )
    }

    @Test("the key changes with the day")
    func dailyKey() {
        let subject = AWSExample.subject("GET", "/", headers: [])
        let tomorrow = SigningMoment(AWSExample.time.advanced(by: .seconds(86_400)))
        let today = AWSExample.signer.signature(of: subject, at: AWSExample.moment)
        #expect(AWSExample.signer.signature(of: subject, at: tomorrow) != today)
        #expect(AWSExample.signer.signature(of: subject, at: AWSExample.moment) == today)
    }

    @Test(
        "keys are encoded once, byte by byte",
        arguments: [
            ("a b+c", "a%20b%2Bc"), ("ü/€", "%C3%BC/%E2%82%AC"), ("~.-_", "~.-_"), ("%41", "%2541"),
            ("a//b", "a//b"), ("a?b#c&d=e", "a%3Fb%23c%26d%3De"), ("\u{1}\r\n", "%01%0D%0A"),
            ("👩‍🚀", "%F0%9F%91%A9%E2%80%8D%F0%9F%9A%80"),
        ]
    )
    func encoding(key: String, encoded: String) {
        #expect(uriEncoded(key, keepingSlash: true) == encoded)
        #expect(formDecoded(uriEncoded(key)) == key)
    }

    @Test("a broken escape is not a key", arguments: ["%", "%4", "%zz", "%+4", "%FF"])
    func brokenEscapes(text: String) { #expect(formDecoded(text) == nil) }
}
