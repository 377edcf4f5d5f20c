import Determinism
import Digests
import NIOCore
import Testing

@testable import DevStore

@Suite("DevStore's wire formats")
struct WireTests {
    @Test("Percent coding", arguments: [("a b", "a%20b"), ("ü/~", "%C3%BC%2F~"), ("", ""), ("+%", "%2B%25")])
    func percentCoding(plain: String, coded: String) {
        #expect(PercentCoding.encode(plain.utf8) == coded)
        #expect(PercentCoding.decode(coded) == Array(plain.utf8))
    }

    @Test("A percent sign without two digits is refused", arguments: ["%", "%4", "%zz", "a%"])
    func badPercent(text: String) { #expect(PercentCoding.decode(text) == nil) }

    @Test("Dates in the three spellings")
    func dates() {
        let instant = Timestamp(secondsSinceEpoch: 1_795_253_400)
        #expect(Dates.parseBasic("20261121T093000Z") == instant)
        #expect(Dates.parseHTTP("Sat, 21 Nov 2026 09:30:00 GMT") == instant)
        #expect(Dates.parseExtended("2026-11-21T09:30:00.123Z") == instant)
        #expect(Dates.http(milliseconds: instant.millisecondsSinceEpoch) == "Sat, 21 Nov 2026 09:30:00 GMT")
        #expect(
            Dates.extended(milliseconds: instant.millisecondsSinceEpoch + 7) == "2026-11-21T09:30:00.007Z"
        )
        for wrong in ["", "20261321T093000Z", "2026-11-21", "20261121T093000", "2026112aT093000Z"] {
            #expect(Dates.parseBasic(wrong) == nil)
        }
    }

    @Test(
        "Ranges",
        arguments: [
            ("bytes=0-9", 0..<10), ("bytes=90-", 90..<100), ("bytes=-5", 95..<100), ("bytes=-500", 0..<100),
            ("bytes=50-500", 50..<100),
        ] as [(String, Range<Int64>)]
    )
    func ranges(header: String, wanted: Range<Int64>) throws {
        #expect(try ByteRange(header).resolved(size: 100) == wanted)
    }

    @Test("Ranges that cannot be satisfied, and those that are ignored")
    func oddRanges() throws {
        for header in ["bytes=100-", "bytes=-0"] {
            #expect(throws: S3Error.self) { try ByteRange(header).resolved(size: 100) }
        }
        for header in ["bytes=5-4", "lines=1-2", "bytes=a-b", "bytes=1-2,4-5", "bytes="] {
            #expect(try ByteRange(header).resolved(size: 100) == nil)
        }
    }

    @Test("XML with entities, CDATA, comments and namespaces")
    func xml() throws {
        let text = """
            <?xml version="1.0"?><!-- c --><x:Delete xmlns:x="u"><Object><Key>a&amp;b&#x20AC;<![CDATA[<z>]]></Key>\
            </Object><Quiet/></x:Delete>
            """
        let root = try XMLParser.parse(Array(text.utf8))
        #expect(root.name == "Delete" && root.child("Object")?.child("Key")?.text == "a&b€<z>")
        #expect(root.child("Quiet")?.text == "")
    }

    @Test(
        "XML that is refused",
        arguments: [
            "", "<a>", "<a></b>", "<a/><b/>", "text", "<a>&unknown;</a>", "<a>&#0", "<", "</a>",
            "<!DOCTYPE a [<!ENTITY x \"y\">]><a>&x;</a>", String(repeating: "<a>", count: 10_000),
        ]
    )
    func badXML(text: String) {
        #expect(throws: S3Error.self) { try XMLParser.parse(Array(text.utf8)) }
    }

    @Test("Patterns with stars")
    func patterns() {
        #expect(
            isMatch("abc", "*") && isMatch("abc", "a*c") && isMatch("abc", "abc") && isMatch("ab", "a*b*")
        )
        #expect(!isMatch("abc", "a*d") && !isMatch("abc", "ab") && !isMatch("a", "a*a"))
    }
}

@Suite("DevStore's aws-chunked decoder")
struct ChunkedDecoderTests {
    private let body = "5\r\nhello\r\n6\r\n world\r\n0\r\nx-amz-checksum-crc32:AAAAAA==\r\n\r\n"

    private func decode(_ text: String, step: Int) throws -> (String, Int, isDone: Bool) {
        var decoder = ChunkedDecoder(chain: nil, expectsTrailer: true)
        var out = ""
        var rest = Array(text.utf8)[...]
        while !rest.isEmpty {
            decoder.feed(ByteBuffer(bytes: rest.prefix(step)))
            rest = rest.dropFirst(step)
            while let piece = try decoder.next() { out += String(buffer: piece) }
        }
        return (out, decoder.trailers.count, decoder.isDone)
    }

    @Test("The same payload however the bytes arrive", arguments: [1, 2, 3, 7, 1000])
    func pieces(step: Int) throws {
        let (text, trailerCount, isDone) = try decode(body, step: step)
        #expect(text == "hello world" && trailerCount == 1 && isDone)
    }

    @Test("A cut body is not done")
    func cut() throws {
        for count in 0..<body.utf8.count {
            // By bytes: CR LF is one Character.
            let text = String(decoding: body.utf8.prefix(count), as: UTF8.self)
            #expect(try !decode(text, step: 1000).isDone)
        }
    }

    @Test("Broken framing is refused", arguments: ["x\r\n", "-1\r\n", "5\r\nhelloX\r\n", "ffffffffff\r\n"])
    func broken(text: String) {
        #expect(throws: S3Error.self) { _ = try decode(text, step: 1000) }
    }

    /// Source: Amazon S3 API Reference, "Example: Transferring a payload in multiple chunks".
    @Test("The signatures of Amazon's example are accepted; a changed byte is not")
    func amazonsExample() throws {
        let context = SigningContext(
            secret: "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY",
            date: "20130524T000000Z",
            region: "us-east-1"
        )
        let seed = "4f232c4386841ef735655705268965c44a0e4690baa4adea153f7db9fa80a0a9"
        let signatures = [
            "ad80c730a21e5b8d04586a2213dd63b9a0e99e0e2307b0ade35a65485a288648",
            "0055627c9e194cb4542bae2aa5492e3c1575bbb81b612b7d234b86a503ef5497",
            "b6c6ea8a5354eaf15b3cb7646744f4275b71ea724fed81ceb9323e279d449df9",
        ]
        for isChanged in [false, true] {
            var decoder = ChunkedDecoder(chain: (context, seed), expectsTrailer: false)
            var text = ""
            for (count, signature) in zip([65_536, 1024, 0], signatures) {
                text += "\(String(count, radix: 16));chunk-signature=\(signature)\r\n"
                text += String(repeating: isChanged && count == 1024 ? "b" : "a", count: count) + "\r\n"
            }
            decoder.feed(ByteBuffer(string: text))
            var received = 0
            var isRefused = false
            do { while let piece = try decoder.next() { received += piece.readableBytes } } catch {
                isRefused = true
            }
            #expect(isRefused == isChanged)
            #expect(isChanged || received == 66_560 && decoder.isDone)
        }
    }
}
