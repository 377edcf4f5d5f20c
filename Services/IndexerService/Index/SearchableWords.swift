/// A file's words, up to what one `tsvector` can hold.
///
/// PostgreSQL (tsvector_op.c, to_tsany.c): all lexemes and positions together at most 1 MiB; a lexeme costs its bytes,
/// up to one of padding and two for a count, each position two, and at most 255 positions are kept.
enum SearchableWords {
    /// UTF-8 bytes of the text.
    static let byteLimit = 1 << 20
    /// Less than half of the server's limit: its parser may split a word that we count once, and normalisation to NFC may
    /// make one longer.
    static let vectorByteLimit = 448 * 1_024

    private static let lexemeOverheadBytes = 3
    private static let positionBytes = 2
    private static let positionLimit = 255

    /// What comes after a limit is left out; words seen before the limit still find the file.
    static func text(of text: String) -> String {
        var kept = ""
        var vectorBytes = 0
        var positionCounts: [String: Int] = [:]
        for word in Words(text) {
            let seenCount = positionCounts[word, default: 0]
            let lexemeBytes = seenCount == 0 ? word.utf8.count + lexemeOverheadBytes : 0
            vectorBytes += lexemeBytes + (seenCount < positionLimit ? positionBytes : 0)
            let isFull = vectorBytes > vectorByteLimit || kept.utf8.count + word.utf8.count + 1 > byteLimit
            guard !isFull else { break }
            positionCounts[word] = seenCount + 1
            if !kept.isEmpty { kept += " " }
            kept += word
        }
        return kept
    }
}
