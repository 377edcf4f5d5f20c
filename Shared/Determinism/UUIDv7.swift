public import struct FoundationEssentials.UUID

extension UUID {
    /// A version 7 UUID (RFC 9562, section 5.7): 48 bits of milliseconds, then randomness. Sorts by time of creation.
    public static func version7(at time: Timestamp, from random: some RandomSource) -> UUID {
        let millis = UInt64(bitPattern: time.millisecondsSinceEpoch)
        let high = random.nextUInt64()
        let low = random.nextUInt64()
        return UUID(
            uuid: (
                byte(millis >> 40), byte(millis >> 32), byte(millis >> 24), byte(millis >> 16),
                byte(millis >> 8), byte(millis),
                0x70 | (byte(high >> 8) & 0x0F), byte(high),
                0x80 | (byte(low >> 56) & 0x3F), byte(low >> 48), byte(low >> 40), byte(low >> 32),
                byte(low >> 24), byte(low >> 16), byte(low >> 8), byte(low)
            )
        )
    }

    /// The canonical form of RFC 9562: lower case, with hyphens.
    public var text: String { uuidString.lowercased() }

    /// The 36 characters of RFC 9562 and nothing else, in either case. `UUID(uuidString:)` reads up to a NUL and passes over
    /// whatever follows.
    public init?(text: String) {
        guard text.utf8.count == 36 else { return nil }
        self.init(uuidString: text)
    }
}

private func byte(_ word: UInt64) -> UInt8 { UInt8(truncatingIfNeeded: word) }
