import Testing

@testable import IndexerService

struct SearchQueryTests {
    static let cases: [(String, String?)] = [
        ("tax", "'tax'"), ("Tax  REPORT", "'tax' & 'report'"),
        ("\"annual report\"", "('annual' <-> 'report')"),
        ("\"one\"", "'one'"), ("repo*", "'repo':*"), ("-draft final", "!('draft') & 'final'"),
        ("a -\"old one\"", "'a' & !('old' <-> 'one')"), ("-dra* a", "!('dra':*) & 'a'"),
        ("x@y.org", "('x' <-> 'y' <-> 'org')"), ("foo_ba*", "('foo' <-> 'ba':*)"), ("日本", "('日' <-> '本')"),
        ("\"never closed", "('never' <-> 'closed')"), ("a\"b c\"d", "'a' & ('b' <-> 'c') & 'd'"),
        ("a-b", "('a' <-> 'b')"), ("--a b", "!('a') & 'b'"), ("\"a*\"", "'a'"), ("Käse", "'käse'"),
        ("", nil), ("   ", nil), ("-", nil), ("-a", nil), ("*", nil), ("\"\"", nil), ("&|!():*<->'\\", nil),
        ("😀", nil),
        ("'a' | 'b'", "'a' & 'b'"), ("a & !b", "'a' & 'b'"), ("a:*b", "('a' <-> 'b')"),
        ("a\u{0}b", "('a' <-> 'b')"),
        ("it's", "('it' <-> 's')"), ("a\\'b", "('a' <-> 'b')"), ("a <2> b", "'a' & '2' & 'b'"),
    ]

    @Test(arguments: cases)
    func isWrittenForToTsquery(_ typed: String, _ tsquery: String?) {
        #expect(SearchQuery(typed).tsquery == tsquery)
    }

    @Test func isBounded() throws {
        let many = SearchQuery((0..<1_000).map { "w\($0)" }.joined(separator: " "))
        #expect(many.tsquery?.split(separator: "&").count == SearchQuery.termLimit)
        let long = try #require(SearchQuery(String(repeating: "a.", count: 1_000_000)).tsquery)
        #expect(long.utf8.count <= 10 * SearchQuery.inputLimit)
    }

    @Test(arguments: UInt64(0)..<20)
    func whateverIsTypedHasTheShapeOfATsquery(seed: UInt64) throws {
        let term = #/!?\(?'[^' &|!():*<>\\]+'(:\*)?( <-> '[^' &|!():*<>\\]+'(:\*)?)*\)?/#
            // Some scripts have letters that swallow the quote after them into one grapheme.
            .matchingSemantics(.unicodeScalar)
        var random = SeededGenerator(seed: seed)
        for _ in 0..<300 {
            guard let tsquery = SearchQuery(hostileQuery(&random)).tsquery else { continue }
            for part in tsquery.split(separator: " & ") {
                #expect(try term.wholeMatch(in: part) != nil, "seed \(seed): \(tsquery)")
                #expect(part.count(where: { $0 == "(" }) == part.count(where: { $0 == ")" }))
            }
        }
    }

    private func hostileQuery(_ random: inout SeededGenerator) -> String {
        let awkward = Array("ab1 -\"*'\\&|!():<>@%_\u{0}\n\u{202E}äß語😀\u{301}".unicodeScalars)
        var text = String.UnicodeScalarView()
        for _ in 0..<Int.random(in: 0...30, using: &random) {
            let anything = Unicode.Scalar(UInt32.random(in: 0...0x2FFFF, using: &random))
            let scalar =
                Int.random(in: 0..<6, using: &random) == 0 ? anything : awkward.randomElement(using: &random)
            if let scalar { text.append(scalar) }
        }
        return String(text)
    }
}
