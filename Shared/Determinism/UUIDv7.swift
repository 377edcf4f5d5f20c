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
    public var text: String {
        String(unsafeUninitializedCapacity: Self.textLength) { characters in
            var place = 0
            func put(_ character: UInt8) {
                characters.initializeElement(at: place, to: character)
                place += 1
            }
            withUnsafeBytes(of: uuid) { bytes in
                for byte in bytes {
                    if Self.isHyphen(at: place) { put(UInt8(ascii: "-")) }
                    put(hexDigit(byte >> 4))
                    put(hexDigit(byte & 15))
                }
            }
            return place
        }
    }

    /// The 36 characters of RFC 9562 and nothing else, in either case. `UUID(uuidString:)` reads up to a NUL and passes over
    /// whatever follows.
    public init?(text: String) {
        guard text.utf8.count == Self.textLength else { return nil }
        var value = UUID(uuid: (0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0)).uuid
        var digitCount = 0
        let isWhole = withUnsafeMutableBytes(of: &value) { bytes in
            var place = 0
            for character in text.utf8 {
                defer { place += 1 }
                if Self.isHyphen(at: place) {
                    guard character == UInt8(ascii: "-") else { return false }
                    continue
                }
                guard let digit = hexValue(character) else { return false }
                bytes[digitCount / 2] = bytes[digitCount / 2] << 4 | digit
                digitCount += 1
            }
            return true
        }
        guard isWhole else { return nil }
        self.init(uuid: value)
    }

    private static var textLength: Int { 36 }
    private static func isHyphen(at place: Int) -> Bool {
        place == 8 || place == 13 || place == 18 || place == 23
    }
}

private func hexDigit(_ value: UInt8) -> UInt8 { value < 10 ? 0x30 + value : 0x57 + value }

private func hexValue(_ character: UInt8) -> UInt8? {
    switch character {
    case UInt8(ascii: "0")...UInt8(ascii: "9"): character - 0x30
    case UInt8(ascii: "a")...UInt8(ascii: "f"): character - 0x57
    case UInt8(ascii: "A")...UInt8(ascii: "F"): character - 0x37
    default: nil
    }
}

private func byte(_ word: UInt64) -> UInt8 { UInt8(truncatingIfNeeded: word) }
