import Testing

@testable import EventContracts

@Suite("The form in which payloads are written is read as the general decoder reads it")
struct FlatJSONTests {
    /// White space in front is JSON all the same, and leaves it to the general decoder.
    private func byLibrary(_ payload: [UInt8]) -> [UInt8] { [0x20] + payload }

    private func decode(_ event: EncodedEvent, _ payload: [UInt8]) -> DecodedEvent {
        DecodedEvent(key: Array(event.key.utf8), headers: event.headers, payload: payload)
    }

    /// Names and digests as they mostly are: nothing in them has to be escaped.
    private static let plain = SampleEvents.event(
        1,
        .deleted(DeletedFile(name: "Bericht März.pdf", deleteAfter: SampleEvents.time))
    )

    @Test func whatWeWriteIsReadDirectly() throws {
        let payload = try Self.plain.encoded().payload
        let flat = try #require(FlatJSON(payload))
        #expect(flat["name"] == .text("Bericht März.pdf"))
        #expect(flat["version"] == .number(1))
        #expect(FlatJSON(byLibrary(payload)) == nil)
    }

    static let others = [
        "", "{}", "{", "[]", "null", #"{"a":1"#, #"{"a":1}x"#, #"{"a":1,}"#, #"{"a":1,"a":2}"#, #"{"a":01}"#,
        #"{"a":-0}"#,
        #"{"a":1.0}"#, #"{"a":1e3}"#, #"{"a":+1}"#, #"{"a":-}"#, #"{"a":1234567890123456789}"#,
        #"{"a":true}"#,
        #"{"a":{}}"#, #"{"a":[1]}"#, #"{"a":nul}"#, #"{"a":"\n"}"#, "{\"a\":\"\u{1}\"}", #"{"a": 1}"#,
        #"{a:1}"#,
    ]

    @Test(arguments: others)
    func whateverIsWrittenOtherwiseIsLeftAlone(_ text: String) { #expect(FlatJSON(Array(text.utf8)) == nil) }

    @Test(arguments: [[0xFF], [0xC3], [0xE2, 0x82], [0xED, 0xA0, 0x80], [0xF0, 0x9F, 0x98]] as [[UInt8]])
    func whatIsNotUTF8IsLeftAlone(_ bytes: [UInt8]) {
        #expect(FlatJSON(Array(#"{"a":""#.utf8) + bytes + Array(#""}"#.utf8)) == nil)
    }

    @Test func numbersAreWhole() {
        let flat = FlatJSON(Array(#"{"a":0,"b":-7,"c":999999999999999999,"d":null}"#.utf8))
        #expect(flat?["a"] == .number(0))
        #expect(flat?["b"] == .number(-7))
        #expect(flat?["c"] == .number(999_999_999_999_999_999))
        #expect(flat?["d"] == .null)
    }

    /// Damage of every kind: what comes of it, the reason included, never depends on who read it.
    @Test(arguments: SampleEvents.all + [plain])
    func damagedPayloadsAreJudgedAlike(_ event: FileEvent) throws {
        let encoded = try event.encoded()
        var random = SeededGenerator(seed: 5)
        var readable = 0
        for _ in 0..<400 {
            var payload = encoded.payload
            for _ in 0..<Int.random(in: 0...2, using: &random) {
                let place = Int.random(in: payload.indices, using: &random)
                switch Int.random(in: 0...3, using: &random) {
                case 0: payload.remove(at: place)
                case 1: payload[place] = UInt8.random(in: 0...255, using: &random)
                case 2:
                    payload.insert(
                        contentsOf: #""0-n{},:\"#.utf8.shuffled(using: &random).prefix(1),
                        at: place
                    )
                default: payload.insert(payload[place], at: place)
                }
            }
            let direct = decode(encoded, payload)
            #expect(
                direct == decode(encoded, byLibrary(payload)),
                "\(String(decoding: payload, as: UTF8.self))"
            )
            if case .event = direct { readable += 1 }
        }
        #expect((1..<400).contains(readable))
    }
}
