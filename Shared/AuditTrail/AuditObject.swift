import SortedJSON

extension AuditEntry {
    /// A JSON object of texts for `before` or `after`, its members sorted; what is nil is left out.
    public static func object(_ members: [String: String?]) -> String {
        // A dictionary of texts can always be written.
        (try? SortedJSON.text(of: members.compactMapValues { $0 })) ?? "{}"
    }
}
