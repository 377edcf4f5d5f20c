import Testing

@testable import UploadService

struct FileNameTests {
    static let kept = [
        "a", "report.pdf", ".gitignore", "...", "a..b", "-rf", "con", "a b  c.txt", "Rechnung März.pdf",
        "e\u{301}.txt",
        "👩‍👩‍👧‍👦 family.jpg", "🏴󠁧󠁢󠁥󠁮󠁧󠁿.png", "می‌خواهم.txt", "שלום.doc", "日本語.txt", "a\u{2215}b", "100%.txt",
        "a:b?c*d|e<f>\"g\"'h",
        String(repeating: "x", count: 1_024), String(repeating: "é", count: 512),
    ]

    @Test(arguments: kept)
    func isKeptScalarByScalar(_ name: String) throws {
        #expect(try Array(FileName(name).text.unicodeScalars) == Array(name.unicodeScalars))
        #expect(try FileName(utf8: Array(name.utf8)).text == name)
    }

    @Test(arguments: [" a ", "\u{A0}a\u{3000}", "a  ", "   a"])
    func whiteSpaceAroundItIsDropped(_ name: String) throws { #expect(try FileName(name).text == "a") }

    static let refused: [(String, FileNameRefusal)] = [
        ("", .empty), ("   ", .empty), ("\u{200B}", .empty), ("\u{FEFF}\u{200D}", .empty),
        (".", .relativePath), ("..", .relativePath), (" .. ", .relativePath),
        ("../a", .pathSeparator), ("a/b", .pathSeparator), ("/etc/passwd", .pathSeparator),
        ("C:\\fakepath\\a.txt", .pathSeparator), ("a\\b", .pathSeparator),
        ("a\u{0}.txt", .controlCharacter("\u{0}")), ("a\r\nb", .controlCharacter("\r")),
        ("a\n", .controlCharacter("\n")), ("\ta", .controlCharacter("\t")),
        ("a\u{7F}", .controlCharacter("\u{7F}")),
        ("a\u{85}b", .controlCharacter("\u{85}")), ("a\u{9B}2J", .controlCharacter("\u{9B}")),
        ("a\u{2028}b", .controlCharacter("\u{2028}")), ("\u{2029}a", .controlCharacter("\u{2029}")),
        ("a\u{202E}gpj.exe", .directionalControl("\u{202E}")), ("\u{2066}a", .directionalControl("\u{2066}")),
        ("a\u{200F}", .directionalControl("\u{200F}")), ("a\u{061C}", .directionalControl("\u{061C}")),
        (String(repeating: "x", count: 1_025), .tooLong(byteCount: 1_025)),
        (String(repeating: "é", count: 2_048), .tooLong(byteCount: 4_096)),
    ]

    @Test(arguments: refused)
    func isRefusedWithASentence(_ name: String, _ refusal: FileNameRefusal) {
        #expect(throws: refusal) { try FileName(name) }
        #expect(refusal.description.hasSuffix("."))
    }

    @Test func everyDirectionalControlIsRefused() throws {
        let ranges: [ClosedRange<UInt32>] = [0x200E...0x200F, 0x202A...0x202E, 0x2066...0x2069]
        for value in ranges.joined() {
            let scalar = try #require(Unicode.Scalar(value))
            #expect(throws: FileNameRefusal.directionalControl(scalar)) { try FileName("a\(scalar)b") }
        }
    }

    @Test func bytesThatAreNotUTF8AreRefused() {
        for bytes in [[0xFF], [0x61, 0xC3], [0xED, 0xA0, 0x80], [0xC0, 0xAF]] as [[UInt8]] {
            #expect(throws: FileNameRefusal.notUTF8) { try FileName(utf8: bytes) }
        }
    }

    @Test func theSentenceNamesTheCharacterButNeverTheName() {
        #expect(FileNameRefusal.controlCharacter("\u{0}").description.contains("U+0000"))
        #expect(FileNameRefusal.directionalControl("\u{202E}").description.contains("U+202E"))
    }

    @Test(arguments: UInt64(0)..<20)
    func whatIsAcceptedIsSafeAndStable(seed: UInt64) {
        var random = SeededGenerator(seed: seed)
        let awkward: [UInt32] = [
            0, 9, 10, 13, 0x20, 0x2E, 0x2F, 0x5C, 0x7F, 0x85, 0xA0, 0x200D, 0x2028, 0x202E, 0xFEFF,
        ]
        for _ in 0..<500 {
            let scalars = (0..<Int.random(in: 0...12, using: &random)).compactMap { _ -> Unicode.Scalar? in
                let isAwkward = Bool.random(using: &random)
                let anything = UInt32.random(in: 0...0x10FFFF, using: &random)
                return Unicode.Scalar(isAwkward ? awkward.randomElement(using: &random) ?? 0 : anything)
            }
            guard let name = try? FileName(String(String.UnicodeScalarView(scalars))) else { continue }
            #expect((1...1_024).contains(name.text.utf8.count), "seed \(seed)")
            #expect(
                !name.text.unicodeScalars.contains { $0.value < 0x20 || "/\\".unicodeScalars.contains($0) }
            )
            #expect((try? FileName(name.text)) == name, "seed \(seed)")
        }
    }
}
