import HTTPServing
import Testing

@Suite struct QueryItemsTests {
    private static let known: Set = ["name", "limit", "purge"]

    @Test(arguments: [
        ("name=a", "a"), ("name=a%20b+c", "a b c"), ("name=%C3%A9", "é"), ("limit=1&name=x", "x"),
        ("name=", ""),
        ("name", ""), ("name=a=b", "a=b"), ("&&name=a&", "a"), ("name=%2B%26", "+&"),
    ])
    func aValueIsDecoded(_ query: String, _ value: String) throws {
        #expect(try QueryItems(query, known: Self.known, code: "WRONG").text("name") == value)
    }

    @Test(arguments: [
        "name=%", "name=%4", "name=%4g", "name=a&name=b", "nmae=a", "=a", "%FF=a", "name=a&%6Eame=b",
    ])
    func whatIsBrokenIsRefused(_ query: String) {
        #expect(throws: Problem.self) { try QueryItems(query, known: Self.known, code: "WRONG") }
    }

    @Test func aRefusalIsAProblemWithTheCallersCode() throws {
        #expect {
            try QueryItems("limit=0", known: Self.known, code: "WRONG").integer(
                "limit",
                default: 1,
                in: 1...2
            )
        } throws: { error in
            guard let problem = error as? Problem else { return false }
            return problem.status == 400 && problem.code == "WRONG"
                && problem.detail.contains("parameter limit")
        }
    }

    @Test func bytesNeedNotBeText() throws {
        let items = try QueryItems("name=%FF", known: Self.known, code: "WRONG")
        #expect(items.bytes("name") == [0xFF])
        #expect(throws: Problem.self) { try items.text("name") }
        #expect(throws: Problem.self) {
            try QueryItems("name=%00", known: Self.known, code: "WRONG").text("name")
        }
    }

    @Test func numbersAndFlags() throws {
        #expect(
            try QueryItems(nil, known: Self.known, code: "WRONG").integer("limit", default: 5, in: 1...9) == 5
        )
        #expect(
            try QueryItems("limit=9", known: Self.known, code: "WRONG").integer(
                "limit",
                default: 5,
                in: 1...9
            ) == 9
        )
        for bad in ["0", "10", "x", "", "99999999999999999999"] {
            let items = try QueryItems("limit=\(bad)", known: Self.known, code: "WRONG")
            #expect(throws: Problem.self) { try items.integer("limit", default: 5, in: 1...9) }
        }
        #expect(try QueryItems("purge=true", known: Self.known, code: "WRONG").flag("purge"))
        #expect(try !QueryItems(nil, known: Self.known, code: "WRONG").flag("purge"))
        #expect(throws: Problem.self) {
            try QueryItems("purge=1", known: Self.known, code: "WRONG").flag("purge")
        }
    }
}
