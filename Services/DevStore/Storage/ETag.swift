import Digests

/// MD5 of the content, or MD5 of the parts' MD5s with the number of parts. 18 bytes in the index.
struct ETag: Hashable, Sendable {
    private let high: UInt64
    private let low: UInt64
    /// Zero for an object stored by one request.
    let partCount: UInt16

    init(md5: [UInt8], partCount: Int = 0) {
        high = md5.prefix(8).reduce(0) { $0 << 8 | UInt64($1) }
        low = md5.dropFirst(8).prefix(8).reduce(0) { $0 << 8 | UInt64($1) }
        self.partCount = UInt16(clamping: partCount)
    }

    /// Without quotation marks. Nil when the text is no ETag of this store.
    init?(_ text: some StringProtocol) {
        let pieces = text.split(separator: "-", maxSplits: 1, omittingEmptySubsequences: false)
        guard let digits = pieces.first, digits.utf8.count == 32,
            let high = UInt64(digits.prefix(16), radix: 16),
            let low = UInt64(digits.suffix(16), radix: 16)
        else { return nil }
        guard let count = pieces.count == 2 ? UInt16(pieces[1]) : 0 else { return nil }
        self.high = high
        self.low = low
        partCount = count
    }

    var md5: [UInt8] {
        withUnsafeBytes(of: high.bigEndian) { Array($0) } + withUnsafeBytes(of: low.bigEndian) { Array($0) }
    }

    var text: String { partCount == 0 ? hexText(md5) : "\(hexText(md5))-\(partCount)" }
    var quoted: String { "\"\(text)\"" }

    /// The MD5 of the parts' MD5s, and their number.
    static func ofParts(_ parts: [ETag]) -> ETag {
        ETag(md5: Digest128.of(parts.flatMap(\.md5)).bytes, partCount: parts.count)
    }
}

extension ETag: Codable {
    init(from decoder: any Decoder) throws {
        let container = try decoder.singleValueContainer()
        guard let tag = ETag(try container.decode(String.self)) else {
            throw DecodingError.dataCorruptedError(in: container, debugDescription: "not an ETag")
        }
        self = tag
    }

    func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        try container.encode(text)
    }
}
