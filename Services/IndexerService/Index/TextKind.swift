/// What a file's text is taken for. The raw value is `text_kind` of `file.indexed`.
enum TextKind: String, CaseIterable, Sendable {
    case plain, markdown, json, csv, html, xml, source
    /// No text: nothing is unpacked and nothing is guessed.
    case binary
}

extension TextKind {
    /// A specific media type decides; a general one (none, `text/plain`, `application/octet-stream`) leaves it to the
    /// name's extension. Whether the bytes are text at all is for the bytes to say, except for pictures and sound.
    init(contentType: String, name: String) {
        let type = contentType.prefix { $0 != ";" }.lowercased().trimmingSpaces
        self = Self.named(by: type) ?? Self.byExtension[fileExtension(of: name)] ?? .plain
    }

    private static func named(by type: String) -> TextKind? {
        if let kind = byType[type] { return kind }
        if type.hasSuffix("+json") { return .json }
        if type.hasSuffix("+xml") { return .xml }
        if type.hasPrefix("text/x-") { return .source }
        let isMedia = ["image/", "audio/", "video/", "font/"].contains { type.hasPrefix($0) }
        return isMedia ? .binary : nil
    }

    private static let byType: [String: TextKind] = [
        "text/html": .html, "application/xhtml+xml": .html,
        "text/xml": .xml, "application/xml": .xml,
        "text/markdown": .markdown, "text/x-markdown": .markdown,
        "application/json": .json, "application/x-ndjson": .json,
        "text/csv": .csv, "text/tab-separated-values": .csv,
        "text/css": .source, "text/javascript": .source, "application/javascript": .source,
        "application/x-sh": .source, "application/sql": .source,
        "application/pdf": .binary, "application/zip": .binary, "application/gzip": .binary,
    ]

    private static let byExtension: [String: TextKind] = {
        let groups: [(TextKind, String)] = [
            (.html, "html htm xhtml"), (.xml, "xml svg rss atom xsd plist"), (.markdown, "md markdown"),
            (.json, "json jsonl ndjson geojson"), (.csv, "csv tsv"),
            (
                .source,
                """
                c h cc cpp hpp cs css go java js jsx ts tsx kt lua m php pl py r rb rs scala sh sql swift toml yaml yml \
                zig
                """
            ),
        ]
        var kinds: [String: TextKind] = [:]
        for (kind, names) in groups { for name in names.split(separator: " ") { kinds[String(name)] = kind } }
        return kinds
    }()
}

private func fileExtension(of name: String) -> String {
    guard let dot = name.utf8.lastIndex(of: UInt8(ascii: ".")) else { return "" }
    return name[name.utf8.index(after: dot)...].lowercased()
}

extension String {
    fileprivate var trimmingSpaces: String {
        String(drop { $0 == " " }.reversed().drop { $0 == " " }.reversed())
    }
}
