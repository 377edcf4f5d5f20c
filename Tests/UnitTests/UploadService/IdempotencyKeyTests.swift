import HTTPTypes
import Testing

@testable import UploadService

@Suite struct IdempotencyKeyTests {
    private static let longest = String(repeating: "k", count: 255)

    @Test(arguments: [
        ("k", "k"), ("\"k\"", "k"), (#""a\"b\\c""#, #"a"b\c"#), ("\"a,b\"", "a,b"), (longest, longest),
        ("\"\(longest)\"", longest),
        ("8e03978e-40d5-43e8-bc93-6894a57f9324", "8e03978e-40d5-43e8-bc93-6894a57f9324"),
        ("!~{};:'()", "!~{};:'()"), (#""\"""#, "\""),
    ])
    func isOneWordHoweverItIsWritten(_ value: String, _ text: String) throws {
        #expect(try IdempotencyKey(value).text == text)
    }

    @Test(arguments: [
        "", "\"\"", "\"", "a b", "\"a b\"", "a,b", "a\"b", "\"a\"b", "\"a", "a\"", "\"a\";p=1", #"a\b"#,
        #""a\b""#,
        #""a\""#, "clé", "k\u{7F}", "\"k\", \"l\"", longest + "k", "\"\(longest)k\"",
    ])
    func whatIsNoKeyIsRefused(_ value: String) {
        #expect(throws: RequestRefusal.idempotencyKey) { try IdempotencyKey(value) }
    }

    @Test func aRequestHasOneOrNone() throws {
        #expect(try IdempotencyKey.read([:]) == nil)
        var fields: HTTPFields = [.idempotencyKey: "k"]
        #expect(try IdempotencyKey.read(fields)?.text == "k")
        fields.append(HTTPField(name: .idempotencyKey, value: "k"))
        #expect(throws: RequestRefusal.idempotencyKey) { try IdempotencyKey.read(fields) }
    }
}

@Suite struct RequestFingerprintTests {
    @Test func everyFactCountsAndItsPlace() {
        let lists: [[String?]] = [
            [], [""], [nil], ["", ""], ["a"], ["a", nil], [nil, "a"], ["a", ""], ["a", "b"], ["b", "a"],
            ["ab"], ["a1:b"],
            ["1:a"], ["-"], ["a", "-"], ["ä"], ["a\u{308}"],
        ]
        #expect(Set(lists.map { RequestFingerprint($0) }).count == lists.count)
        for list in lists { #expect(RequestFingerprint(list) == RequestFingerprint(list)) }
    }

    @Test func aPartBelongsToItsRequest() {
        let (one, other) = (RequestFingerprint(["one"]), RequestFingerprint(["other"]))
        #expect(one.ofPart(["a"]) == one.ofPart(["a"]))
        #expect(
            Set([one, one.ofPart(["a"]), one.ofPart(["b"]), other.ofPart(["a"]), one.ofPart([])]).count == 5
        )
    }
}
