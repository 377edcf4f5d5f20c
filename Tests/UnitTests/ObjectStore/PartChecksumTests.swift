import Digests
import Testing

@testable import ObjectStore

@Suite("Checksums of parts")
struct PartChecksumTests {
    @Test("a value of the kind's length is taken, in one form only", arguments: PartChecksum.Kind.allCases)
    func taken(kind: PartChecksum.Kind) throws {
        let bytes = (0..<kind.byteCount).map { UInt8(255 - $0) }
        let sum = try #require(PartChecksum(kind, base64: base64Text(bytes)))
        #expect(sum.base64 == base64Text(bytes))
        #expect(sum.kind == kind)
    }

    @Test("any other length, and what is no base64, is not", arguments: PartChecksum.Kind.allCases)
    func refused(kind: PartChecksum.Kind) {
        for count in 0...40 where count != kind.byteCount {
            let bytes = [UInt8](repeating: 7, count: count)
            #expect(PartChecksum(kind, base64: base64Text(bytes)) == nil)
        }
        let good = base64Text([UInt8](repeating: 0xFB, count: kind.byteCount))
        for text in [
            "", "=", good + "=", "AAAAAB==", good + "\r\n", " " + good, good.replacing("+", with: "-"),
            good + good,
        ] {
            #expect(PartChecksum(kind, base64: text) == nil, "\(text)")
        }
    }

    @Test("the headers are the store's")
    func headers() {
        let names = PartChecksum.Kind.allCases.map(\.headerName)
        #expect(
            names == [
                "x-amz-checksum-sha256", "x-amz-checksum-crc32c", "x-amz-checksum-crc64nvme", "content-md5",
            ]
        )
        #expect(PartChecksum(Digest256.of("abc")).base64 == Digest256.of("abc").base64)
    }
}
