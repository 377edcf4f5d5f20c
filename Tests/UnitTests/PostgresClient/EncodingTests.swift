import Determinism
import Testing

@testable import PostgresClient

@Suite("Values on their way to PostgreSQL")
struct EncodingTests {
    @Test func scalarsTravelAsText() {
        #expect(Int64.min.postgresValue == .text("-9223372036854775808"))
        #expect(true.postgresValue == .text("true"))
        #expect(Timestamp(microsecondsSinceEpoch: 250).postgresValue == .text("1970-01-01T00:00:00.000250Z"))
        #expect(Optional<String>.none.postgresValue == .null)
        #expect([UInt8]([0, 255]).postgresValue == .bytes([0, 255]))
    }

    @Test func arraysCarryTheirElementType() {
        let expected: [UInt8] = [
            0, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0, 25, 0, 0, 0, 2, 0, 0, 0, 1, 0, 0, 0, 1, 97, 255, 255, 255, 255,
        ]
        #expect((["a", nil] as [String?]).postgresValue == .array(expected))
        #expect(([] as [Int64]).postgresValue == .array([0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 20]))
    }

    @Test(arguments: [
        "a\u{0}b".postgresValue, ["a", "\u{0}"].postgresValue,
        [Timestamp(microsecondsSinceEpoch: .min)].postgresValue,
    ])
    func whatPostgresCannotHoldIsRefusedBeforeSending(value: PostgresValue) {
        let bound = BoundStatement("SELECT $1", value)
        #expect { try bound.validate() } throws: { error in
            guard case .invalidValue? = error as? DatabaseError else { return false }
            return true
        }
    }

    @Test func tooManyParametersAreRefused() {
        let values = [Int](repeating: 1, count: 65_536)
        #expect(throws: DatabaseError.self) { try BoundStatement("SELECT 1", values: values).validate() }
    }

    @Test func copyTextEscapesWhatWouldBreakARow() throws {
        let bytes = try CopyText.encode([["a\tb\\c\nd\r", nil, [UInt8]([1, 0xAB]), 7]])
        #expect(String(decoding: bytes, as: UTF8.self) == "a\\tb\\\\c\\nd\\r\t\\N\t\\\\x01ab\t7\n")
    }

    @Test func statementsAreToldApartByTheirLiteral() {
        let one: Statement = "SELECT 1"
        let other: Statement = "SELECT 12"
        #expect(one == one)
        #expect(one != other)
        #expect(Set([one, other, one]).count == 2)
    }

    @Test(arguments: [
        ("40001", true), ("40P01", true), ("53300", true), ("57P01", true), ("08006", true), ("23505", false),
        ("42601", false),
    ])
    func transientStates(state: String, isTransient: Bool) {
        #expect(
            DatabaseError.refused(sqlState: state, message: "", constraint: nil).isTransient == isTransient
        )
    }

    @Test func settingsNeverPrintTheConninfo() {
        let settings = PostgresSettings(conninfo: "postgresql://u:hunter2@h/d", applicationName: "x")
        var dumped = ""
        dump(settings, to: &dumped)
        #expect(!"\(settings) \(String(reflecting: settings)) \(dumped)".contains("hunter2"))
    }
}
