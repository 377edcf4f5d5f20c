import Correlation
import ServiceBootstrap
import Testing

struct TraceContextTests {
    private static let trace = "4bf92f3577b34da6a3ce929d0e0e4736"
    private static let given = "00-\(trace)-00f067aa0ba902b7-01"

    /// What follows the version is right in each of them, or the version is.
    private static let malformed: [String] = {
        let (rest, parent) = (String(given.dropFirst(2)), "00f067aa0ba902b7")
        let zero = String(repeating: "0", count: 32)
        let (short, accented) = (String(given.dropLast()), String(trace.dropFirst(2)))
        return [
            "", "-", "00", short, "\(given)-", "\(given)-00", "\(given) ", "\(given), \(given)",
            "ff\(rest)", "cc\(rest)x", "0g\(rest)", given.uppercased(),
            "00-\(zero)-\(parent)-01", "00-\(trace)-0000000000000000-01", "00-\(trace)-\(parent)-0x",
            "00_\(trace)-\(parent)-01", "00-\(trace)_\(parent)-01", "00-\(trace)-\(parent)_01",
            "00-é\(accented)-\(parent)-01",
        ]
    }()

    @Test func passesOnWhatIsWellFormed() throws {
        let context = try #require(TraceContext(Self.given))
        #expect(context.traceID == Self.trace && context.header == Self.given)
    }

    /// Section 3.2.4: a newer version is read like this one, and what follows is not for us.
    @Test(arguments: ["", "-", "-what-the-future-brings", "-" + String(repeating: "x", count: 2_000)])
    func readsNewerVersionsAsFarAsTheyAreKnown(_ rest: String) throws {
        #expect(TraceContext("cc" + Self.given.dropFirst(2) + rest)?.header == Self.given)
    }

    @Test(arguments: malformed)
    func ignoresEverythingElse(_ text: String) { #expect(TraceContext(text) == nil) }

    @Test func newOnesAreWellFormedAndDiffer() {
        let new = (0..<200).map { _ in TraceContext(random: SystemRandom()) }
        #expect(Set(new.map(\.traceID)).count == 200)
        for context in new { #expect(TraceContext(context.header) == context) }
    }

    @Test func workInheritsIt() async throws {
        let context = try #require(TraceContext(Self.given))
        #expect(TraceContext.current == nil)
        await TraceContext.$current.withValue(context) {
            await Task { #expect(TraceContext.current == context) }.value
        }
    }
}
