import Digests
import Testing

@Suite("Digests")
struct DigestTests {
    @Test(
        "SHA-256 gives the published values",
        arguments: [
            // FIPS 180-4 examples
            ("", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"),
            ("abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"),
            (
                "abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq",
                "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1"
            ),
        ]
    )
    func sha256(text: String, hex: String) {
        #expect(Digest256.of(text).hex == hex)
        var hasher = SHA256Hasher()
        for byte in text.utf8 { hasher.update([byte]) }
        #expect(hasher.finalize() == Digest256(hex: hex))
    }

    @Test("MD5 gives the values of RFC 1321")
    func md5() {
        #expect(Digest128.of("".utf8).hex == "d41d8cd98f00b204e9800998ecf8427e")
        #expect(Digest128.of("message digest".utf8).hex == "f96b697d7cb7938d525a2f31aaf161d0")
        #expect(Digest128.of("".utf8).base64 == "1B2M2Y8AsgTpgAmY7PhCfg==")
    }

    @Test("HMAC-SHA-256 gives the values of RFC 4231")
    func hmac() {
        let first = hmacSHA256(key: [UInt8](repeating: 0x0b, count: 20), message: "Hi There")
        #expect(hexText(first) == "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7")
        let second = hmacSHA256(key: "Jefe".utf8, message: "what do ya want for nothing?")
        #expect(hexText(second) == "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843")
        #expect(hmacSHA256(key: [], message: [UInt8]()).count == 32)
    }

    @Test("a kept key authenticates as the key itself does", arguments: [0, 1, 32, 63, 64, 65, 131])
    func hmacKey(length: Int) {
        let key = (0..<length).map { UInt8(truncatingIfNeeded: $0 &* 7 &+ 3) }
        let kept = HMACKey(key)
        for count in [0, 1, 55, 56, 64, 1_000] {
            let message = [UInt8](repeating: 0xA5, count: count)
            #expect(kept.authenticate(message) == hmacSHA256(key: key, message: message))
        }
    }

    @Test("a digest is read from hex in either case and from base64, and from nothing else")
    func parsing() {
        let digest = Digest256.of("abc")
        #expect(Digest256(hex: digest.hex.uppercased()) == digest)
        #expect(Digest256(base64: digest.base64) == digest)
        #expect(Digest256(bytes: digest.bytes) == digest)
        #expect(Digest256(hex: digest.hex.dropLast()) == nil)
        #expect(Digest256(hex: digest.hex + "00") == nil)
        #expect(Digest256(hex: String(repeating: "zz", count: 32)) == nil)
        #expect(Digest256(hex: "") == nil)
        #expect(Digest256(base64: "AAAA") == nil)
        #expect(Digest256(bytes: [1, 2, 3]) == nil)
    }
}
