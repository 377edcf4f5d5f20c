import CChecksums
import Digests
import Testing

@Suite("Checksums")
struct ChecksumTests {
    /// The catalogue's check word: the checksum of these nine digits.
    private let check = "123456789".utf8

    @Test("check words")
    func checkWords() {
        var crc32 = CRC32()
        crc32.update(check)
        #expect(crc32.value == 0xCBF4_3926)
        var crc32c = CRC32C()
        crc32c.update(check)
        #expect(crc32c.value == 0xE306_9283)
        #expect(crc32c.base64 == "4waSgw==")
        var crc64 = CRC64NVME()
        crc64.update(check)
        #expect(crc64.value == 0xAE8B_1486_0A79_9888)
        #expect(CRC64NVME().value == 0)
    }

    @Test("pieces of any length give what the whole gives; the instruction agrees with the tables")
    func pieces() {
        let bytes = (0..<1_031).map { UInt8(truncatingIfNeeded: $0 &* 131 &+ $0 >> 3) }
        let portable = checksums_crc32c_portable(0, bytes, bytes.count)
        for cut in [0, 1, 7, 8, 9, 63, 512, 1_030, 1_031] {
            var (crc32, crc32c, crc64) = (CRC32(), CRC32C(), CRC64NVME())
            var (whole32, whole64) = (CRC32(), CRC64NVME())
            whole32.update(bytes)
            whole64.update(bytes)
            for part in [bytes[..<cut], bytes[cut...]] {
                crc32.update(part)
                crc32c.update(part)
                crc64.update(part)
            }
            #expect(crc32 == whole32)
            #expect(crc64 == whole64)
            #expect(crc32c.value == portable)
        }
    }

    @Test("a long piece, taken in three lanes, gives what the tables give", arguments: [0, 5])
    func lanes(start: Int) {
        let lanes = 3 * 4_096
        let bytes = (0..<5 * lanes).map { UInt8(truncatingIfNeeded: ($0 &* 2_654_435_761) >> 11) }
        for count in [lanes - 1, lanes, lanes + 1, 2 * lanes + 9, 4 * lanes + 8_191] {
            let portable = checksums_crc32c_portable(7, Array(bytes[start..<start + count]), count)
            bytes.withUnsafeBytes {
                #expect(checksums_crc32c(7, $0.baseAddress?.advanced(by: start), count) == portable)
            }
        }
    }
}
