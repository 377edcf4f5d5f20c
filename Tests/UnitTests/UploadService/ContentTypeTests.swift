import Testing

@testable import UploadService

struct ContentTypeTests {
    static let usable = [
        ("text/plain", "text/plain"), ("Text/HTML;Charset=UTF-8", "text/html; charset=UTF-8"),
        (" application/json ", "application/json"), ("text/plain;", "text/plain"),
        ("text/plain; ;a=b", "text/plain; a=b"),
        ("image/svg+xml", "image/svg+xml"),
        ("application/vnd.a.b-c+json;v=1", "application/vnd.a.b-c+json; v=1"),
        ("text/plain\t;\tx=\"a \\\" b\"", "text/plain; x=\"a \\\" b\""), ("a/b; c=\"\"", "a/b; c=\"\""),
    ]

    @Test(arguments: usable)
    func isKeptInOneForm(_ declared: String, _ text: String) {
        #expect(ContentType(declared: declared).text == text)
    }

    static let unusable: [String?] = [
        nil, "", " ", "text", "text/", "/plain", "text/plain/x", "*/*", "text/*", "text plain", "text/pla in",
        "text/plain; charset", "text/plain; charset=", "text/plain; =x", "text/plain; a=\"open",
        "text/plain; a=\"x\\",
        "text/plain\r\nSet-Cookie: a=b", "text/plain; a=\"b\r\n\"", "text/plain; a=\"\u{0}\"", "tëxt/plain",
        "text/plain; a=\"é\"", "text/plain, text/html", "text/plain; a=b c",
        "text/" + String(repeating: "x", count: 251), String(repeating: "x/", count: 100_000),
        "text/plain" + String(repeating: ";", count: 100_000) + "\r\n",
    ]

    @Test(arguments: unusable)
    func anythingElseIsBytes(_ declared: String?) { #expect(ContentType(declared: declared) == .octetStream) }

    @Test(arguments: UInt64(0)..<20)
    func whateverIsDeclaredTheResultIsOneSafeHeaderValue(seed: UInt64) {
        var random = SeededGenerator(seed: seed)
        let alphabet = Array("ab/;= \t\"\\*\r\n\u{0}é,+".unicodeScalars)
        for _ in 0..<1_000 {
            let scalars = (0..<Int.random(in: 0...16, using: &random)).compactMap { _ in
                alphabet.randomElement(using: &random)
            }
            let tail = Bool.random(using: &random) ? String(String.UnicodeScalarView(scalars)) : ";a=b"
            let type = ContentType(declared: "a/b" + tail)
            #expect(type.text.utf8.allSatisfy { (0x20...0x7E).contains($0) || $0 == 0x09 }, "seed \(seed)")
            #expect(type.text.utf8.count <= ContentType.byteLimit)
            #expect(ContentType(declared: type.text) == type, "seed \(seed): \(type.text)")
        }
    }
}
