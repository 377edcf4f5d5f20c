private import class FoundationEssentials.JSONEncoder

/// JSON with sorted keys, without spaces or escaped slashes: of equal values the same bytes.
public enum SortedJSON {
    /// The bytes that `JSONEncoder` writes with `.sortedKeys` and `.withoutEscapingSlashes`, without its tree of objects.
    ///
    /// Texts, whole numbers, Booleans, nulls, lists and members are written directly. What a value asks for beyond them is left to
    /// `JSONEncoder`, so the two never differ.
    ///
    /// - Throws: what `JSONEncoder` throws.
    public static func bytes(of value: some Encodable) throws -> [UInt8] {
        do {
            return try SheetEncoder.bytes(of: value)
        } catch {
            // Also where the value refuses itself: the general encoder says where.
            let encoder = JSONEncoder()
            encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
            return Array(try encoder.encode(value))
        }
    }

    /// As ``bytes(of:)``, as a text.
    public static func text(of value: some Encodable) throws -> String {
        String(decoding: try bytes(of: value), as: UTF8.self)
    }
}
