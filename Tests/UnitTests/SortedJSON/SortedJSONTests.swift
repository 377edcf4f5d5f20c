import FoundationEssentials
import Testing

@testable import EventContracts
@testable import SortedJSON

@Suite("JSON that is written directly is what the general encoder writes")
struct SortedJSONTests {
    private func byLibrary(_ value: some Encodable) throws -> [UInt8] {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        return Array(try encoder.encode(value))
    }

    private func expectDirect(_ value: some Encodable) throws {
        #expect(try SheetEncoder.bytes(of: value) == byLibrary(value))
    }

    /// Left to the general encoder, and so the same all the more.
    private func expectLeft(_ value: some Encodable) throws {
        #expect(throws: SheetEncoder.Unsuited.self) { try SheetEncoder.bytes(of: value) }
        #expect(try SortedJSON.bytes(of: value) == byLibrary(value))
    }

    private struct Document: Encodable {
        var id = UUID()
        var name: String
        var size = Int64.max
        var count = Int.min
        var isTrue = true
        var isFalse = false
        var kind: Kind? = .second
        var absent: String?
        var inner: [Inner] = []
        var empty: [String] = []
        var members: [String: [String]] = [:]

        enum Kind: String, Codable { case first, second }
        struct Inner: Encodable {
            var text: String?
            var numbers: [Int64]
        }
    }

    @Test func documentsAreWrittenDirectly() throws {
        try expectDirect(Document(name: "a/b"))
        try expectDirect(
            Document(
                name: "Bericht März 😀.pdf",
                inner: [.init(text: nil, numbers: [1, -2]), .init(text: "x", numbers: [])],
                empty: ["", "\""],
                members: ["b": ["1"], "a_b": [], "aB": ["2", "3"], "a1": [], "": [], "\n": []]
            )
        )
        try expectDirect(["x": nil, "y": "z"] as [String: String?])
        try expectDirect([nil, 1] as [Int?])
        try expectDirect(UUID())
        try expectDirect("bare")
        try expectDirect(Document.Kind.first)
    }

    /// Every character that may need an escape, beside any that does not.
    @Test func textsAreEscapedAlike() throws {
        for value in UInt32(0)...0x100 {
            let scalar = try #require(Unicode.Scalar(value))
            try expectDirect(["a\(Character(scalar))b", "\(Character(scalar))"])
        }
        var random = SeededGenerator(seed: 7)
        for _ in 0..<500 {
            let text = String(
                decoding: random.bytes(count: Int.random(in: 0...40, using: &random)),
                as: UTF8.self
            )
            try expectDirect(["text": text])
        }
    }

    @Test func eventsAreWrittenDirectly() throws {
        for event in SampleEvents.all {
            let fields = Mirror(reflecting: event.detail).children.first?.value as? any Codable ?? NoFields()
            #expect(try direct(event, fields) == event.encoded().payload, "\(event.type)")
        }
    }

    private func direct(_ event: FileEvent, _ fields: some Codable) throws -> [UInt8] {
        let body = EventBody(head: event.head, fields: fields)
        try expectDirect(body)
        return try SheetEncoder.bytes(of: body)
    }

    @Test func whatASheetDoesNotHoldIsLeftToTheGeneralEncoder() throws {
        try expectLeft(1.5)
        try expectLeft(["a": Float(1)])
        try expectLeft(UInt8.max)
        try expectLeft([UInt64.max])
        try expectLeft(Data("bytes".utf8))
        try expectLeft(["a": Data()])
        try expectLeft([Date(timeIntervalSinceReferenceDate: 1)])
        try expectLeft(["a": Decimal(1)])
        try expectLeft(["a": URL(string: "http://a/b")])
        try expectLeft([Data("x".utf8)] as [Data?])
        // Refuses itself where an encoder does not know it.
        #expect(try SortedJSON.bytes(of: Int128.max) == byLibrary(Int128.max))
        // By their normal forms these would be the other way round, or the same.
        try expectLeft(["e\u{301}": 1, "f": 2])
        try expectLeft(["\u{212A}": 1, "a": 2])
        try expectLeft(ByHand(way: .object))
        try expectLeft(ByHand(way: .list))
        try expectLeft([ByHand(way: .listInList), ByHand(way: .objectInList)])
        try expectLeft(ByHand(way: .twice))
        try expectLeft(ByHand(way: .base))
        try expectLeft(["a": ByHand(way: .unused)])
        try expectLeft([ByHand(way: .unused), ByHand(way: .list)])
        try expectLeft(ByHand(way: .swallowed))
        try expectLeft(Nested(depth: 100))
    }

    @Test func whatIsNotJSONIsRefusedAlike() {
        #expect(throws: EncodingError.self) { try SortedJSON.bytes(of: ByHand(way: .nothing)) }
        #expect(throws: EncodingError.self) { try SortedJSON.bytes(of: ByHand(way: .unused)) }
        #expect(throws: EncodingError.self) { try SortedJSON.bytes(of: ["a": Double.nan]) }
        #expect(throws: EncodingError.self) { try SortedJSON.bytes(of: Nested(depth: 1_000)) }
    }
}

/// Asks for containers as only a hand-written type does.
private struct ByHand: Encodable {
    enum Way { case object, list, listInList, objectInList, twice, base, unused, swallowed, nothing }
    enum Keys: String, CodingKey { case a, b }

    let way: Way

    func encode(to encoder: any Encoder) throws {
        switch way {
        case .object:
            var outer = encoder.container(keyedBy: Keys.self)
            var inner = outer.nestedContainer(keyedBy: Keys.self, forKey: .a)
            try inner.encode(1, forKey: .b)
        case .list:
            var outer = encoder.container(keyedBy: Keys.self)
            var inner = outer.nestedUnkeyedContainer(forKey: .a)
            try inner.encode("x")
        case .listInList:
            var outer = encoder.unkeyedContainer()
            var inner = outer.nestedUnkeyedContainer()
            try inner.encode("x")
        case .objectInList:
            var outer = encoder.unkeyedContainer()
            var inner = outer.nestedContainer(keyedBy: Keys.self)
            try inner.encode("x", forKey: .b)
        case .twice:
            var outer = encoder.container(keyedBy: Keys.self)
            try outer.encode(1, forKey: .a)
            try outer.encode(2, forKey: .a)
        case .base:
            var outer = encoder.container(keyedBy: Keys.self)
            try 1.encode(to: outer.superEncoder())
        case .unused: _ = encoder.singleValueContainer()
        case .swallowed:
            var outer = encoder.container(keyedBy: Keys.self)
            do { try outer.encode(0.5, forKey: .a) } catch { try outer.encode("half", forKey: .a) }
        case .nothing: break
        }
    }
}

private struct Nested: Encodable {
    let depth: Int

    func encode(to encoder: any Encoder) throws {
        var list = encoder.unkeyedContainer()
        if depth > 0 { try list.encode(Nested(depth: depth - 1)) }
    }
}
