import Testing

@testable import IndexerService

struct ExtractedTextTests {
    static let kinds: [(String, String, TextKind)] = [
        ("text/plain", "a", .plain), ("", "notes", .plain), ("text/plain; charset=utf-8", "a.md", .markdown),
        ("application/octet-stream", "a.HTML", .html), ("text/html;x=y", "a.txt", .html),
        ("TEXT/HTML ", "a", .html),
        ("application/json", "a", .json), ("application/ld+json", "a", .json), ("text/csv", "a", .csv),
        ("", "table.tsv", .csv), ("application/atom+xml", "a", .xml), ("image/svg+xml", "a", .xml),
        ("text/x-python", "a", .source), ("application/octet-stream", "Main.swift", .source),
        ("image/png", "a.txt", .binary), ("video/mp4", "a", .binary), ("application/pdf", "a", .binary),
        ("application/x-unheard-of", "a", .plain), ("nonsense", "a.", .plain), ("", ".", .plain),
        ("", "", .plain),
    ]

    @Test(arguments: kinds)
    func theKindComesFromTypeThenName(_ type: String, _ name: String, _ kind: TextKind) {
        #expect(TextKind(contentType: type, name: name) == kind)
    }

    @Test func kindsAreLegalInEvents() {
        for kind in TextKind.allCases {
            #expect(kind.rawValue.utf8.allSatisfy { (0x61...0x7A).contains($0) })
        }
    }

    static let wordCases: [(String, String, String, String)] = [
        (
            "text/plain", "a", "Hello, World!\r\nfoo_bar a/b.c x@y.org 3.14",
            "hello world foo bar a b c x y org 3 14"
        ),
        ("text/plain", "a", "don\u{2019}t co\u{AD}operate ÄÖÜ ΟΔΟΣ", "don t cooperate äöü οδοσ"),
        ("text/plain", "a", "日本語カナ text m² ½", "日 本 語 カ ナ text m"), ("text/plain", "a", "😀 ❤️ 👨‍👩‍👧", ""),
        ("text/plain", "a", "می‌خواهم e\u{301}t\u{E9}", "میخواهم e\u{301}t\u{E9}"),
        ("text/plain", "a", "", ""),
        ("text/markdown", "a", "# Title\n**bold** [link](http://x.org/p)", "title bold link http x org p"),
        (
            "application/json", "a", #"{"n":"K\u00e4se\nBrot \ud83d\ude00 \"x\" \u12","a":1.5e3"#,
            "n käse brot x 12 a 1 5e3"
        ),
        ("application/json", "a", #""\ud83d \ud83dx \u0000a\"#, "x a"),
        ("text/csv", "a", "name;size\n\"a \"\"b\"\"\";3,4", "name size a b 3 4"),
        ("", "a.swift", "let x = object.method(argument: 0xFF)", "let x object method argument 0xff"),
        (
            "text/html", "a",
            """
            <!DOCTYPE html><title>T&uuml;r</title><script>if (a<b) "</p>"</SCRIPT ><style>p{x}</style><!-- no --><p>one<b>W</b>\
            ord<br>two <a href="x>y">three</a></p>&amp; &lt;four&gt; &#102;ive &#x73;ix &bogus; AT&T a < b &#0; &#xD800;
            """,
            "tür oneword two three four five six bogus at t a b 0 xd800"
        ),
        ("text/html", "a", "a<script>never closed", "a"), ("text/html", "a", "a<b title='", "a"),
        ("text/html", "a", "x<!--y", "x"), ("text/html", "a", "<img alt = 'a>b'>c<!-- > -->d", "cd"),
        ("text/html", "a", "1<2 <> </> &", "1 2"),
        ("text/html", "a", "<", ""),
        ("text/xml", "a", "<?xml version='1'?><a:b c='d'>e<![CDATA[f<g>]]>h<script/>i</a:b>", "ef g h i"),
    ]

    @Test(arguments: wordCases.indices)
    func findsTheWordsAReaderSees(_ index: Int) {
        let (type, name, content, words) = Self.wordCases[index]
        let text = ExtractedText(contentType: type, name: name, bytes: Array(content.utf8))
        #expect(Array(text.words.unicodeScalars) == Array(words.unicodeScalars), "\(text.words)")
    }

    @Test func theExcerptIsOneReadableLine() {
        let html =
            "<h1>  The\n\ttitle </h1><p>Caf&eacute;\u{202E}, \u{7}Bar</p>" + String(repeating: " ", count: 50)
        let text = ExtractedText(contentType: "text/html", name: "a", bytes: Array(html.utf8))
        #expect(text.excerpt == "The title Café, Bar")
        let long = ExtractedText(contentType: "", name: "a", bytes: Array(repeating: 0x61, count: 5_000))
        #expect(long.excerpt.unicodeScalars.count == ExtractedText.excerptLimit)
    }
}

struct TextDecodingTests {
    private func words(_ bytes: [UInt8]) -> String {
        ExtractedText(contentType: "text/plain", name: "a", bytes: bytes).words
    }

    @Test func readsTheEncodingsPeopleUse() {
        #expect(words([0xEF, 0xBB, 0xBF] + Array("Käse".utf8)) == "käse")
        #expect(words([0x4B, 0xE4, 0x73, 0x65]) == "käse")
        #expect(words([0x8A, 0x61, 0x20, 0x93, 0x78, 0x94]) == "ša x")
        #expect(
            words([0xFF, 0xFE] + "Käse 😀 x".utf16.flatMap { [UInt8($0 & 0xFF), UInt8($0 >> 8)] }) == "käse x"
        )
        #expect(
            words([0xFE, 0xFF] + "Käse".utf16.flatMap { [UInt8($0 >> 8), UInt8($0 & 0xFF)] } + [0x00])
                == "käse"
        )
        #expect(words([0xFF, 0xFE]) == "")
        #expect(words([0xFF]) == "ÿ")
    }

    @Test func aCharacterCutAtTheLimitIsDropped() {
        for character in ["é", "語", "😀"] {
            for count in 1..<character.utf8.count {
                #expect(words(Array("käse ab".utf8) + character.utf8.prefix(count)) == "käse ab")
            }
        }
    }

    @Test func aFewBadBytesDoNotTurnUTF8IntoLatin1() {
        let text = Array(String(repeating: "Grüße aus Köln ", count: 20).utf8)
        #expect(words(text + [0xFF] + text).hasPrefix("grüße aus köln"))
        #expect(!words(text + [0xFF] + text).contains("Ã"))
    }

    static let binaries: [[UInt8]] = [
        Array("%PDF-1.7\nplain enough".utf8), [0x7F, 0x45, 0x4C, 0x46, 2, 1, 1, 0, 0, 0, 0, 0],
        [0x89, 0x50, 0x4E, 0x47, 0x0D, 0x0A, 0x1A, 0x0A, 0, 0, 0, 13], Array(repeating: 0, count: 4_096),
        Array("a\u{0}b".utf8), [0xFF, 0xFE] + Array(repeating: 0xDC, count: 200),
        "text as UTF-16 without a mark".utf16.flatMap { [UInt8($0 & 0xFF), UInt8($0 >> 8)] },
    ]

    @Test(arguments: binaries)
    func binaryYieldsNoText(_ bytes: [UInt8]) {
        let text = ExtractedText(contentType: "application/octet-stream", name: "a.txt", bytes: bytes)
        #expect(text.kind == .binary && text.words.isEmpty && text.excerpt.isEmpty)
    }

    @Test func aStrayNULInALogIsRemovedNotFatal() {
        let bytes = Array(String(repeating: "line of a log\n", count: 50).utf8) + [0] + Array("end".utf8)
        #expect(words(bytes).hasSuffix("log end"))
    }

    @Test(arguments: UInt64(0)..<8)
    func randomBytesAreBinary(seed: UInt64) {
        var random = SeededGenerator(seed: seed)
        let text = ExtractedText(contentType: "text/plain", name: "a", bytes: random.bytes(count: 5_000))
        #expect(text.kind == .binary, "seed \(seed)")
    }
}

struct ExtractionBoundsTests {
    @Test func wordsPostgreSQLRefusesAreLeftOut() {
        let long = String(repeating: "x", count: 2_047)
        let edge = String(repeating: "y", count: 2_046)
        let words = Array(Words("a \(long) \(edge) b"))
        #expect(words == ["a", edge, "b"])
        #expect(Array(Words(String(repeating: "z", count: 3_000_000))).isEmpty)
    }

    @Test func manyDistinctWordsStopBelowTheLimitOfATsvector() {
        let text = (0..<200_000).map { String($0, radix: 36) }.joined(separator: " ")
        let extracted = ExtractedText(contentType: "text/plain", name: "a", bytes: Array(text.utf8))
        let words = extracted.words.split(separator: " ")
        #expect(words.count > 30_000)
        #expect(words.reduce(0) { $0 + $1.utf8.count + 5 } <= SearchableWords.vectorByteLimit)
        #expect(words.first == "0")
    }

    @Test func repeatedWordsCostNoMoreThanTheirPositions() {
        let bytes = Array(String(repeating: "the cat ", count: 131_072).utf8)
        let extracted = ExtractedText(contentType: "text/plain", name: "a", bytes: bytes)
        #expect(extracted.words.utf8.count > 1_000_000)
        #expect(extracted.words.utf8.count <= SearchableWords.byteLimit)
    }

    @Test func onlyTheFirstMiBIsLookedAt() {
        let bytes = Array(repeating: UInt8(ascii: " "), count: ExtractedText.byteLimit) + Array("beyond".utf8)
        #expect(ExtractedText(contentType: "text/plain", name: "a", bytes: bytes).words.isEmpty)
    }

    static let seeds: [(UInt64, String)] = (0..<12).flatMap { seed in
        ["text/html", "application/json", "text/plain", "text/xml"].map { (UInt64(seed), $0) }
    }

    @Test(arguments: seeds)
    func hostileContentNeverTrapsAndStaysInBounds(seed: UInt64, type: String) {
        var random = SeededGenerator(seed: seed)
        let pieces = [
            "<", ">", "</", "<!--", "-->", "<![CDATA[", "]]>", "<script", "</script>", "&", "&#", "&#x", ";",
            "\\u", "\\ud83d",
            "\\", "\"", "'", "=", "/", "word", "Ä", "😀", " ", "\n", "\u{0}", "e\u{301}", "\u{202E}",
            "\u{FFFD}", "語", "1",
        ].map { Array($0.utf8) }
        for _ in 0..<60 {
            var bytes: [UInt8] = []
            for _ in 0..<Int.random(in: 0...60, using: &random) {
                let isRaw = Int.random(in: 0..<10, using: &random) == 0
                bytes += isRaw ? random.bytes(count: 2) : pieces.randomElement(using: &random) ?? []
            }
            let text = ExtractedText(contentType: type, name: "a", bytes: bytes)
            #expect(!text.words.utf8.contains(0) && !text.excerpt.utf8.contains(0), "seed \(seed)")
            #expect(text.excerpt.unicodeScalars.count <= ExtractedText.excerptLimit, "seed \(seed)")
            // What is found once is found in the same form again: the query side splits the same way.
            #expect(Array(Words(text.words)).joined(separator: " ") == text.words, "seed \(seed)")
        }
    }
}
