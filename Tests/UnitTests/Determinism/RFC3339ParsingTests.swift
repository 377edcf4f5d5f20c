import Determinism
import Testing

struct RFC3339ParsingTests {
    static let readable: [(String, Int64)] = [
        ("1970-01-01T00:00:00Z", 0), ("1970-01-01T00:00:00.000001Z", 1), ("1970-01-01T01:00:00+01:00", 0),
        ("1969-12-31T23:30:00-00:30", 0), ("2026-11-21T09:30:00.000250Z", 1_795_253_400_000_250),
        ("2026-11-21T09:30:00.0002509Z", 1_795_253_400_000_250), ("1969-12-31T23:59:59.5Z", -500_000),
        ("2000-02-29T00:00:00Z", 951_782_400_000_000), ("2009-10-12T17:50:30.250Z", 1_255_369_830_250_000),
        ("0000-03-01T00:00:00Z", -62_162_035_200_000_000),
    ]

    @Test(arguments: readable)
    func reads(_ text: String, _ micros: Int64) {
        #expect(Timestamp(rfc3339: text)?.microsecondsSinceEpoch == micros)
    }

    @Test(
        arguments: [
            (0, "1970-01-01T00:00:00.000000Z"), (1_795_253_400_000_250, "2026-11-21T09:30:00.000250Z"),
            (-1, "1969-12-31T23:59:59.999999Z"), (253_402_300_799_999_999, "9999-12-31T23:59:59.999999Z"),
            (253_402_300_800_000_000, "10000-01-01T00:00:00.000000Z"),
            (-62_162_035_200_000_000, "0000-03-01T00:00:00.000000Z"),
            (-62_167_219_200_000_001, "-0001-12-31T23:59:59.999999Z"),
        ] as [(Int64, String)]
    )
    func writes(_ micros: Int64, _ text: String) {
        #expect(Timestamp(microsecondsSinceEpoch: micros).rfc3339 == text)
    }

    static let unreadable = [
        "", "2026", "2026-11-21", "2026-11-21T09:30:00", "2026-11-21 09:30:00Z", "2026-13-01T00:00:00Z",
        "2026-02-29T00:00:00Z", "2026-04-31T00:00:00Z", "2026-00-10T00:00:00Z", "2026-01-00T00:00:00Z",
        "2026-01-01T24:00:00Z", "2026-01-01T00:60:00Z", "2026-01-01T00:00:60Z", "2026-01-01T00:00:00.Z",
        "2026-01-01T00:00:00Z ", "2026-01-01T00:00:00+24:00", "2026-01-01T00:00:00+0100",
        "+2026-01-01T00:00:00Z",
        "２026-01-01T00:00:00Z",
    ]

    @Test(arguments: unreadable)
    func refuses(_ text: String) { #expect(Timestamp(rfc3339: text) == nil) }

    @Test(arguments: UInt64(0)..<8)
    func readsWhatIsWritten(seed: UInt64) {
        var random = SeededGenerator(seed: seed)
        for _ in 0..<500 {
            let years0To9999 = -62_167_219_200_000_000...253_402_300_799_999_999 as ClosedRange<Int64>
            let time = Timestamp(microsecondsSinceEpoch: Int64.random(in: years0To9999, using: &random))
            #expect(Timestamp(rfc3339: time.rfc3339) == time)
        }
    }
}
