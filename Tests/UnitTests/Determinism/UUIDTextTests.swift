import Determinism
import Testing

import struct FoundationEssentials.UUID
import typealias FoundationEssentials.uuid_t

@Suite("Text of a UUID")
struct UUIDTextTests {
    @Test("is what Foundation writes, in lower case, and is read back")
    func roundTrip() {
        var generator = SeededGenerator(seed: 7)
        for _ in 0..<1_000 {
            let id = generator.bytes(count: 16).withUnsafeBytes {
                UUID(uuid: $0.loadUnaligned(as: uuid_t.self))
            }
            #expect(id.text == id.uuidString.lowercased())
            #expect(UUID(text: id.text) == id)
            #expect(UUID(text: id.uuidString) == id)
        }
    }

    @Test(
        "nothing but the 36 characters is taken",
        arguments: [
            "", "0198c5a0-7f3e-7abc-8def-0123456789a", "0198c5a0-7f3e-7abc-8def-0123456789abc",
            "0198c5a0-7f3e-7abc-8def-0123456789ag", "0198c5a07f3e-7abc-8def-00123456789ab",
            "0198c5a0_7f3e-7abc-8def-0123456789ab", "{198c5a0-7f3e-7abc-8def-0123456789a}",
            "0198c5a0-7f3e-7abc-8def-0123456789\0b", "0198c5a0-7f3e-7abc-8def-0123456789\u{E4}",
            "-198c5a0-7f3e-7abc-8def-0123456789ab",
        ]
    )
    func refused(text: String) { #expect(UUID(text: text) == nil) }
}
