import NIOCore
import Testing

@testable import ObjectStore

@Suite("aws-chunked bodies")
struct ChunkedEncodingTests {
    private func encode(_ body: ByteBuffer, pieces: Int, _ encoder: ChunkedEncoder) -> String {
        var encoder = encoder
        var rest = body
        var wire = ""
        while let piece = rest.readSlice(length: min(pieces, rest.readableBytes)), piece.readableBytes > 0 {
            for buffer in encoder.encode(piece) { wire += String(buffer: buffer) }
        }
        return wire + String(buffer: encoder.finish())
    }

    @Test("a signed body with a trailer is AWS's published example", arguments: [1_000, 65_536, 66_560])
    func signedTrailer(pieces: Int) {
        let subject = RequestSigner.Subject(
            method: "PUT",
            path: "/examplebucket/chunkObject.txt",
            query: "",
            headers: [
                ("content-encoding", "aws-chunked"), ("host", "s3.amazonaws.com"),
                ("x-amz-content-sha256", "STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER"),
                ("x-amz-date", "20130524T000000Z"), ("x-amz-decoded-content-length", "66560"),
                ("x-amz-storage-class", "REDUCED_REDUNDANCY"), ("x-amz-trailer", "x-amz-checksum-crc32c"),
            ],
            payloadHash: "STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER"
        )
        let seed = AWSExample.signer.signature(of: subject, at: AWSExample.moment)
        #expect(seed == "106e2a8a18243abcf37539882f36619c00e2dfc72633413f02d3b74544bfeb8e")

        let encoder = ChunkedEncoder(
            length: 66_560,
            checksum: .crc32c,
            signing: .init(signer: AWSExample.signer, moment: AWSExample.moment, previous: seed)
        )
        let wire = encode(ByteBuffer(repeating: UInt8(ascii: "a"), count: 66_560), pieces: pieces, encoder)
        let expected =
            "10000;chunk-signature=b474d8862b1487a5145d686f57f013e54db672cee1c953b3010fb58501ef5aa2\r\n"
            + String(repeating: "a", count: 65_536) + "\r\n"
            + "400;chunk-signature=1c1344b170168f8e65b41376b44b20fe354e373826ccbbe2c1d40a8cae51e5c7\r\n"
            + String(repeating: "a", count: 1024) + "\r\n"
            + "0;chunk-signature=2ca2aba2005185cf7159c6277faf83795951dd77a3a99e6e65d5c9f85863f992\r\n"
            + "x-amz-checksum-crc32c:sOO8/Q==\r\n"
            + "x-amz-trailer-signature:d81f82fc3505edab99d459891051a732e8730629a2e4a59689829ca17fe2e435\r\n\r\n"
        #expect(wire == expected)
        let announced = ChunkedEncoder.encodedLength(of: 66_560, checksum: .crc32c, isSigned: true)
        #expect(announced == Int64(expected.utf8.count))
    }

    @Test(
        "the announced length is the length sent",
        arguments: [
            0, 1, 15, 16, 65_535, 65_536, 65_537, 200_000, 1_048_575, 1_048_576, 1_048_577, 2_097_153,
        ],
        [true, false]
    )
    func announcedLength(length: Int, isSigned: Bool) {
        for checksum in [StoreProfile.TrailingChecksum.sha256, .crc32c, .crc64nvme] {
            let signing = ChunkedEncoder.Signing(
                signer: AWSExample.signer,
                moment: AWSExample.moment,
                previous: AWSExample.emptyHash
            )
            let encoder = ChunkedEncoder(
                length: Int64(length),
                checksum: checksum,
                signing: isSigned ? signing : nil
            )
            let wire = encode(ByteBuffer(repeating: 7, count: length), pieces: 10_007, encoder)
            let announced = ChunkedEncoder.encodedLength(
                of: Int64(length),
                checksum: checksum,
                isSigned: isSigned
            )
            #expect(Int64(wire.utf8.count) == announced)
        }
    }

    @Test("an unsigned body ends with its checksum")
    func unsignedTrailer() {
        let encoder = ChunkedEncoder(length: 3, checksum: .sha256, signing: nil)
        let wire = encode(ByteBuffer(string: "abc"), pieces: 2, encoder)
        #expect(
            wire
                == "3\r\nabc\r\n0\r\nx-amz-checksum-sha256:ungWv48Bz+pBQUDeXa4iI7ADYaOWF3qctBD/YfIAFa0=\r\n\r\n"
        )
    }
}
