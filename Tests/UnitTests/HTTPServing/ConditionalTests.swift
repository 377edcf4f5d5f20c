import Determinism
import HTTPServing
import HTTPTypes
import Testing

@Suite("Ranges and conditions follow RFC 9110")
struct ConditionalTests {
    @Test(
        arguments: [
            (nil, .whole), ("bytes=0-0", .single(0...0)), ("bytes=0-", .single(0...99)),
            ("bytes=10-19", .single(10...19)),
            ("bytes=90-200", .single(90...99)), ("bytes=-10", .single(90...99)),
            ("bytes=-1000", .single(0...99)),
            ("bytes=99-99999999999999999999999", .single(99...99)), ("Bytes= 1 - 2 ", .single(1...2)),
            ("bytes=100-", .unsatisfiable), ("bytes=-0", .unsatisfiable),
            ("bytes=99999999999999999999-", .unsatisfiable),
            ("bytes=5-1", .whole), ("bytes=a-b", .whole), ("bytes=", .whole), ("bytes=-", .whole),
            ("bytes=--1", .whole),
            ("lines=1-2", .whole), ("bytes=0-1,5-6", .whole), ("bytes 0-1", .whole), ("bytes=+1-2", .whole),
        ] as [(String?, ByteRangeRequest)]
    )
    func resolvesRanges(_ field: String?, _ expected: ByteRangeRequest) {
        #expect(ByteRangeRequest(field: field, size: 100) == expected, "\(field ?? "none")")
    }

    @Test func nothingOfNothingIsUnsatisfiable() {
        #expect(ByteRangeRequest(field: "bytes=0-", size: 0) == .unsatisfiable)
        #expect(ByteRangeRequest(field: "bytes=-5", size: 0) == .unsatisfiable)
        #expect(ByteRangeRequest.contentRange(0...4, size: 10) == "bytes 0-4/10")
        #expect(ByteRangeRequest.unsatisfiedContentRange(size: 0) == "bytes */0")
    }

    static let date = "Sun, 06 Nov 1994 08:49:37 GMT"
    static let modified = Timestamp(microsecondsSinceEpoch: 784_111_777_250_000)

    @Test(
        arguments: [
            ([:], true, .proceed),
            ([.ifNoneMatch: #""v1""#], true, .notModified), ([.ifNoneMatch: #"W/"v1""#], true, .notModified),
            ([.ifNoneMatch: #""x", "v1""#], true, .notModified), ([.ifNoneMatch: "*"], true, .notModified),
            ([.ifNoneMatch: #""v1""#], false, .failed), ([.ifNoneMatch: #""v2""#], true, .proceed),
            ([.ifNoneMatch: "v1"], true, .proceed),
            ([.ifMatch: #""v1""#], false, .proceed), ([.ifMatch: "*"], false, .proceed),
            ([.ifMatch: #"W/"v1""#], false, .failed),
            ([.ifMatch: #""v2""#], true, .failed),
            ([.ifModifiedSince: date], true, .notModified), ([.ifModifiedSince: date], false, .proceed),
            ([.ifModifiedSince: "Sun, 06 Nov 1994 08:49:36 GMT"], true, .proceed),
            ([.ifModifiedSince: "yesterday"], true, .proceed),
            ([.ifUnmodifiedSince: date], false, .proceed),
            ([.ifUnmodifiedSince: "Sun, 06 Nov 1994 08:49:36 GMT"], false, .failed),
            ([.ifNoneMatch: #""v2""#, .ifModifiedSince: date], true, .proceed),
        ] as [(HTTPFields, Bool, Preconditions.Verdict)]
    )
    func judges(_ fields: HTTPFields, _ isRead: Bool, _ expected: Preconditions.Verdict) {
        let verdict = Preconditions(fields).verdict(
            current: EntityTag("v1"),
            lastModified: Self.modified,
            isRead: isRead
        )
        #expect(verdict == expected, "\(fields)")
    }

    @Test func nothingThereMatchesNothing() {
        #expect(
            Preconditions([.ifMatch: "*"]).verdict(current: nil, lastModified: nil, isRead: false) == .failed
        )
        #expect(
            Preconditions([.ifNoneMatch: "*"]).verdict(current: nil, lastModified: nil, isRead: false)
                == .proceed
        )
    }

    @Test(
        arguments: [
            (nil, true), (#""v1""#, true), (#"W/"v1""#, false), (#""v2""#, false), (date, true),
            ("Sun, 06 Nov 1994 08:49:36 GMT", false), ("soon", false),
        ] as [(String?, Bool)]
    )
    func honoursIfRange(_ field: String?, _ expected: Bool) {
        var fields = HTTPFields()
        fields[.ifRange] = field
        #expect(
            Preconditions(fields).allowsRange(current: EntityTag("v1"), lastModified: Self.modified)
                == expected
        )
    }

    @Test(
        arguments: [
            (784_111_777, date), (0, "Thu, 01 Jan 1970 00:00:00 GMT"),
            (1_709_164_800, "Thu, 29 Feb 2024 00:00:00 GMT"),
            (4_102_444_799, "Thu, 31 Dec 2099 23:59:59 GMT"), (951_782_400, "Tue, 29 Feb 2000 00:00:00 GMT"),
        ] as [(Int64, String)]
    )
    func writesAndReadsDates(_ seconds: Int64, _ text: String) {
        #expect(HTTPDate.text(Timestamp(secondsSinceEpoch: seconds)) == text)
        #expect(HTTPDate.parse(text) == Timestamp(secondsSinceEpoch: seconds))
    }

    @Test(arguments: [
        "", "Sun, 6 Nov 1994 08:49:37 GMT", "Sunday, 06-Nov-94 08:49:37 GMT", "Sun, 06 Nov 1994 24:49:37 GMT",
        "Sun, 06 Nov 1994 08:49:37 CET", "Sun, 06 Nov 1994 08:49 GMT", "Sun, -1 Nov 1994 08:49:37 GMT",
    ])
    func ignoresOtherDates(_ text: String) { #expect(HTTPDate.parse(text) == nil) }
}

@Suite("I56 a download's name cannot break its header")
struct ContentDispositionTests {
    @Test(arguments: [
        ("report.pdf", #"attachment; filename="report.pdf"; filename*=UTF-8''report.pdf"#),
        (
            "naïve \"x\".txt",
            #"attachment; filename="na_ve _x_.txt"; filename*=UTF-8''na%C3%AFve%20%22x%22.txt"#
        ),
        (
            "a\r\nSet-Cookie: x",
            #"attachment; filename="a__Set-Cookie: x"; filename*=UTF-8''a__Set-Cookie%3A%20x"#
        ),
        ("../../etc/passwd", #"attachment; filename=".._.._etc_passwd"; filename*=UTF-8''.._.._etc_passwd"#),
        ("\u{202E}fdp.exe", #"attachment; filename="_fdp.exe"; filename*=UTF-8''_fdp.exe"#),
        ("..", #"attachment; filename="download"; filename*=UTF-8''download"#),
        ("", #"attachment; filename="download"; filename*=UTF-8''download"#),
        ("nul\u{0}l.txt", #"attachment; filename="nul_l.txt"; filename*=UTF-8''nul_l.txt"#),
        ("50%.txt", #"attachment; filename="50_.txt"; filename*=UTF-8''50%25.txt"#),
    ])
    func isSafe(_ name: String, _ expected: String) {
        #expect(ContentDisposition.attachment(fileName: name) == expected)
    }

    @Test func isShort() {
        let field = ContentDisposition.attachment(fileName: String(repeating: "😀", count: 2_000) + ".jpeg")
        #expect(field.hasSuffix(".jpeg") && field.utf8.count < 1_200)
        #expect(field.utf8.allSatisfy { $0 >= 0x20 && $0 < 0x7F })
    }
}
