import Testing

@testable import HTTPServing

@Suite("Forms of all clients are understood, broken ones refused")
struct MultipartHeaderTests {
    /// What stands after `name="f"; ` and the file name it means.
    @Test(arguments: [
        (#"filename="a%22b.txt""#, "a\"b.txt"),
        (#"filename="a\"b.txt""#, "a\"b.txt"),
        (#"filename="C:\dir\new.txt""#, #"C:\dir\new.txt"#),
        (#"filename="x%0D%0Ay""#, "x\r\ny"),
        (#"filename="100%25.txt""#, "100%25.txt"),
        (#"filename="semi;colon=.txt""#, "semi;colon=.txt"),
        (#"filename=plain.txt"#, "plain.txt"),
        (#"filename="ÄÖ 😀.txt""#, "ÄÖ 😀.txt"),
        (#"filename="fallback"; filename*=UTF-8''na%C3%AFve%20%F0%9F%98%80.txt"#, "naïve 😀.txt"),
        (#"filename*=iso-8859-1'en'%A3.txt"#, "£.txt"),
        (#"filename="kept"; filename*=UTF-8''%zz"#, "kept"),
        (#"filename="kept"; filename*=utf-16''x"#, "kept"),
        (#"FILENAME = "spaced.txt" ;"#, "spaced.txt"),
        (#"filename="../../etc/passwd""#, "../../etc/passwd"),
    ])
    func readsFileNames(_ parameter: String, _ expected: String) throws {
        let parts = try parse("Content-Disposition: form-data; name=\"f\"; \(parameter)")
        #expect(parts.first?.fileName == expected)
    }

    @Test func readsLatin1WhereItIsNotUTF8() throws {
        var bytes = Array("--b\r\nContent-Disposition: form-data; name=\"f\"; filename=\"caf".utf8)
        bytes += [0xE9] + Array("\"\r\n\r\nx\r\n--b--".utf8)
        #expect(try parseForm([bytes], boundary: "b").first?.fileName == "café")
    }

    @Test(arguments: [
        "X-Only: 1", "Content-Disposition: attachment; name=\"f\"", "Content-Disposition: form-data",
        "Content-Disposition: form-data; name=\"f", "no colon here", ": no name",
        "Content-Disposition: form-data; name=f\r\nContent-Disposition: form-data; name=g",
        "Content-Disposition: form-data;\r\n name=f",
        "Content-Disposition: form-data; name=f\nX: bare line feed",
        "Content-Disposition: form-data; name=\"a\u{0}b\"", "Content Disposition: form-data; name=f",
    ])
    func refusesBrokenHeaders(_ header: String) {
        let failure = #expect(throws: MultipartFailure.self) { try parse(header) }
        guard case .malformedHeader = failure else {
            Issue.record("\(header): \(String(describing: failure))")
            return
        }
    }

    @Test func refusesTextOnABoundaryLine() {
        for line in ["--bXYZ\r\n", "--b-\r\n", "--b\n", "--b \rx\r\n", "--b\r\r\n", "--b --", "--b\r \n"] {
            #expect(throws: MultipartFailure.malformedBoundary, "\(line)") {
                try parseForm(
                    [Array((line + "Content-Disposition: form-data; name=f\r\n\r\n\r\n--b--").utf8)],
                    boundary: "b"
                )
            }
        }
    }

    @Test func keepsItsLimits() {
        var limits = MultipartLimits()
        limits.partCountLimit = 2
        limits.headerByteLimit = 100
        limits.fieldByteLimit = 10
        limits.preambleByteLimit = 50
        let field = "--b\r\nContent-Disposition: form-data; name=f\r\n\r\n"
        func check(_ form: String, _ expected: MultipartFailure) {
            #expect(throws: expected) { try parseForm([Array(form.utf8)], boundary: "b", limits: limits) }
        }
        check("\(field)1\r\n\(field)2\r\n\(field)3\r\n--b--", .tooManyParts(limit: 2))
        check("\(field)01234567890\r\n--b--", .fieldTooLarge(name: "f", byteLimit: 10))
        check("--b\r\nX: \(String(repeating: "x", count: 100))\r\n", .headerTooLarge(byteLimit: 100))
        check("--b\(String(repeating: " ", count: 101))\r\n", .headerTooLarge(byteLimit: 100))
        check(String(repeating: "x", count: 51), .preambleTooLarge(byteLimit: 50))
    }

    @Test(arguments: [
        ("multipart/form-data; boundary=abc", "abc"),
        ("Multipart/Form-Data; charset=utf-8; boundary=\"a b:c\"", "a b:c"),
        (
            "multipart/form-data;boundary=----WebKitFormBoundary7MA4YWxkTrZu0gW",
            "----WebKitFormBoundary7MA4YWxkTrZu0gW"
        ),
        (
            "multipart/form-data; boundary=\(String(repeating: "x", count: 70))",
            String(repeating: "x", count: 70)
        ),
    ])
    func readsBoundaries(_ type: String, _ expected: String) throws {
        #expect(try MultipartBoundary(contentType: type).text == expected)
    }

    @Test(arguments: [
        nil, "", "text/plain", "multipart/mixed; boundary=a", "multipart/form-data",
        "multipart/form-data; boundary=",
        "multipart/form-data; boundary=\"a ", "multipart/form-data; boundary=\"a \"",
        "multipart/form-data; boundary=\"a\rb\"",
        "multipart/form-data; boundary=\(String(repeating: "x", count: 71))",
        "multipart/form-data; boundary=é",
    ])
    func refusesBoundaries(_ type: String?) {
        #expect(throws: MultipartFailure.notAForm) { try MultipartBoundary(contentType: type) }
    }

    private func parse(_ header: String) throws -> [ParsedPart] {
        try parseForm([Array("--b\r\n\(header)\r\n\r\nx\r\n--b--\r\n".utf8)], boundary: "b")
    }
}
