import Testing

@testable import WaybillCLI

@Suite("How many parts are on their way at once")
struct SendWindowTests {
    @Test func halvesOnceForWhatWasUnderWayTogether() {
        var window = SendWindow(limit: 8)
        #expect(window.width == 8)
        // Eight requests begun at 0 fail one after the other.
        for second in 1...8 { window.congested(since: .zero, at: .seconds(second)) }
        #expect(window.width == 4)
        window.congested(since: .seconds(2), at: .seconds(9))
        #expect(window.width == 2)
    }

    @Test func growsByOneAfterAWindowOfSuccesses() {
        var window = SendWindow(limit: 4)
        window.congested(since: .zero, at: .seconds(1))
        window.congested(since: .seconds(2), at: .seconds(3))
        #expect(window.width == 1)
        var widths: [Int] = []
        for _ in 0..<8 {
            window.succeeded()
            widths.append(window.width)
        }
        #expect(widths == [2, 2, 3, 3, 3, 4, 4, 4])
    }

    @Test func isNeverClosed() {
        var window = SendWindow(limit: 1)
        for second in 0..<9 { window.congested(since: .seconds(second), at: .seconds(second + 1)) }
        #expect(window.width == 1)
        #expect(SendWindow(limit: 0).width == 1)
    }
}
