/// Walks over borrowed bytes; answers nil instead of reading past the end.
struct ByteReader {
    private var rest: UnsafeRawBufferPointer

    init(_ bytes: UnsafeRawBufferPointer) { rest = bytes }

    mutating func take(_ count: Int) -> UnsafeRawBufferPointer? {
        guard count >= 0, count <= rest.count else { return nil }
        let taken = UnsafeRawBufferPointer(rebasing: rest.prefix(count))
        rest = UnsafeRawBufferPointer(rebasing: rest.dropFirst(count))
        return taken
    }

    /// In network byte order.
    mutating func read<Value: FixedWidthInteger>(_: Value.Type) -> Value? {
        take(MemoryLayout<Value>.size).map { Value(bigEndian: $0.loadUnaligned(as: Value.self)) }
    }
}

/// A `numeric` as `numeric_send` writes it: digit count, weight, sign, display scale, then digits of base 10 000.
struct Numeric {
    /// Plain decimal notation, `NaN`, `Infinity` or `-Infinity`.
    let text: String

    init?(_ bytes: UnsafeRawBufferPointer) {
        var reader = ByteReader(bytes)
        guard let count = reader.read(Int16.self), let weight = reader.read(Int16.self),
            let sign = reader.read(UInt16.self), let scale = reader.read(UInt16.self)
        else { return nil }
        switch sign {
        case 0xC000: text = "NaN"
        case 0xD000: text = "Infinity"
        case 0xF000: text = "-Infinity"
        case 0x0000, 0x4000:
            var digits: [Int16] = []
            for _ in 0..<max(0, count) {
                guard let digit = reader.read(Int16.self) else { return nil }
                digits.append(digit)
            }
            let magnitude = Self.plain(digits, weight: Int(weight), scale: Int(scale))
            text = sign == 0x4000 ? "-" + magnitude : magnitude
        default: return nil
        }
    }

    private static func plain(_ digits: [Int16], weight: Int, scale: Int) -> String {
        func group(_ position: Int) -> String {
            let digit = digits.indices.contains(position) ? String(digits[position]) : "0"
            return String(repeating: "0", count: max(0, 4 - digit.utf8.count)) + digit
        }
        let whole = weight < 0 ? "0" : (0...weight).map(group).joined()
        let trimmed = whole.drop { $0 == "0" }
        let integral = trimmed.isEmpty ? "0" : String(trimmed)
        guard scale > 0 else { return integral }
        let fractionGroups = (scale + 3) / 4
        let fraction = (weight + 1..<weight + 1 + fractionGroups).map(group).joined()
        return integral + "." + fraction.prefix(scale)
    }
}
