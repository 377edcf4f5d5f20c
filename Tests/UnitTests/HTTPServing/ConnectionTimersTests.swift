import NIOCore
import Testing

@testable import HTTPServing

@Suite("A rest nobody reads is dropped while it comes, and not for ever")
struct LingeringTests {
    private static let start = NIODeadline.uptimeNanoseconds(1_000_000_000)

    private static func after(_ seconds: Int64) -> NIODeadline { start + .seconds(seconds) }

    /// The response is out, and a body of a length nobody wants to read is still coming.
    private static func lingering() -> ConnectionState {
        var state = ConnectionState(drainByteLimit: 0)
        state.received(
            head: .init(isKeepAlive: true, isVersion10: false, isAwaitingContinue: false, remaining: 1 << 30)
        )
        _ = state.sendingHead(isCloseAsked: false)
        _ = state.sentEnd()
        return state
    }

    private var limits: ConnectionLimits {
        var limits = ConnectionLimits()
        limits.lingerStallTimeout = .seconds(5)
        limits.lingerTimeout = .seconds(30)
        return limits
    }

    @Test func aSilentClientGetsTheShortLimit() {
        var timers = ConnectionTimers(limits: limits, now: Self.start)
        // What was awaited before does not count.
        timers.startedLinger(at: Self.after(10), isStopping: false)
        #expect(timers.deadline(Self.lingering())?.at == Self.after(15))
        #expect(timers.deadline(Self.lingering())?.expiry == .linger)
    }

    @Test func whoGoesOnSendingGetsTheLongOne() {
        var timers = ConnectionTimers(limits: limits, now: Self.start)
        timers.startedLinger(at: Self.start, isStopping: false)
        timers.progressed(at: Self.after(4))
        #expect(timers.deadline(Self.lingering())?.at == Self.after(9))
        timers.progressed(at: Self.after(29))
        #expect(timers.deadline(Self.lingering())?.at == Self.after(30))
    }

    @Test func aServerThatStopsWaitsForTheShortOne() {
        var timers = ConnectionTimers(limits: limits, now: Self.start)
        timers.startedLinger(at: Self.start, isStopping: false)
        timers.progressed(at: Self.after(9))
        timers.stop(at: Self.after(10))
        timers.progressed(at: Self.after(14))
        #expect(timers.deadline(Self.lingering())?.at == Self.after(15))
        timers.startedLinger(at: Self.after(20), isStopping: true)
        timers.progressed(at: Self.after(24))
        #expect(timers.deadline(Self.lingering())?.at == Self.after(25))
    }
}
