private import struct FoundationEssentials.Data
private import class FoundationEssentials.JSONEncoder

extension AuditEntry {
    /// A JSON object of texts for `before` or `after`, its members sorted; what is nil is left out.
    public static func object(_ members: [String: String?]) -> String {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        // A dictionary of texts can always be written.
        return (try? encoder.encode(members.compactMapValues { $0 }))
            .map { String(decoding: $0, as: UTF8.self) } ?? "{}"
    }
}
