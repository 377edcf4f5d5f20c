/// A payload in the form in which we write it: one JSON object of strings without escapes, whole numbers and nulls, nothing
/// between them. Read directly, it takes less than half the instructions of the general decoder (`deploy/guards`).
///
/// Whatever is written otherwise, and whatever is wrong, is nil or throws here, and is left to the general decoder: it
/// decides and finds the words. So the two never differ in what they accept.
struct FlatJSON {
    enum Value: Equatable {
        case text(String)
        case number(Int64)
        case null
    }

    /// The form does not hold what is asked for.
    struct Unsuited: Error {}

    let fields: [(name: String, value: Value)]

    init?(_ bytes: [UInt8]) {
        guard let fields = bytes.withUnsafeBufferPointer({ Self.fields($0) }) else { return nil }
        self.fields = fields
    }

    private static func fields(_ bytes: UnsafeBufferPointer<UInt8>) -> [(name: String, value: Value)]? {
        var fields: [(name: String, value: Value)] = []
        fields.reserveCapacity(16)
        var reader = Reader(bytes: bytes)
        guard reader.skip("{") else { return nil }
        repeat {
            // More than any event has: each is compared with all before it.
            guard fields.count < 32, let name = reader.string(), reader.skip(":"), let value = reader.value(),
                !fields.contains(where: { $0.name == name })
            else { return nil }
            fields.append((name, value))
        } while reader.skip(",")
        return reader.skip("}") && reader.isAtEnd ? fields : nil
    }

    subscript(name: String) -> Value? { fields.first { $0.name == name }?.value }

    private struct Reader {
        let bytes: UnsafeBufferPointer<UInt8>
        var position = 0

        var isAtEnd: Bool { position == bytes.count }

        mutating func skip(_ character: Unicode.Scalar) -> Bool {
            guard position < bytes.count, bytes[position] == UInt8(ascii: character) else { return false }
            position += 1
            return true
        }

        mutating func value() -> Value? {
            guard position < bytes.count else { return nil }
            if bytes[position] == UInt8(ascii: "\"") { return string().map { .text($0) } }
            if bytes[position...].starts(with: "null".utf8) {
                position += 4
                return .null
            }
            return number().map { .number($0) }
        }

        mutating func string() -> String? {
            guard skip("\"") else { return nil }
            let start = position
            while position < bytes.count, bytes[position] != UInt8(ascii: "\"") {
                guard bytes[position] >= 0x20, bytes[position] != UInt8(ascii: "\\") else { return nil }
                position += 1
            }
            let content = UnsafeBufferPointer(rebasing: bytes[start..<position])
            return skip("\"") ? utf8Text(content) : nil
        }

        /// Of at most 18 digits, which fit.
        private mutating func number() -> Int64? {
            let isNegative = skip("-")
            let start = position
            var value: Int64 = 0
            while position < bytes.count, (0x30...0x39).contains(bytes[position]), position - start < 18 {
                value = value * 10 + Int64(bytes[position] - 0x30)
                position += 1
            }
            let count = position - start
            guard count > 0, count == 1 || bytes[start] != 0x30, !isNegative || value > 0 else { return nil }
            // A fraction or an exponent leaves something that follows no value.
            return isNegative ? -value : value
        }
    }
}
