import Determinism
import Testing

@testable import ServiceParts

@Suite("I37 what a database cannot have done by itself")
struct DatabaseSightTests {
    private func sight(
        epoch: Int64 = 0,
        log: Int64 = 1_000,
        now: Int64 = 0,
        uptime: Int64 = 0,
        identity: String = "1/00000001/5/6"
    ) -> DatabaseSight {
        DatabaseSight(
            identity: identity,
            epoch: epoch,
            flushed: log,
            inserted: log + 10,
            now: Timestamp(secondsSinceEpoch: 1_800_000_000 + now),
            isClockWatched: true,
            serverStart: Timestamp(secondsSinceEpoch: 1_700_000_000),
            uptime: .seconds(uptime)
        )
    }

    @Test func evenTimeIsNoJump() {
        let start = sight()
        for seconds: Int64 in [0, 1, 86_400, 86_400 * 400] {
            #expect(sight(log: 5_000, now: seconds, uptime: seconds).cause(since: start) == nil)
            // Clocks that are corrected by little, and a process that looked a little late.
            #expect(sight(now: seconds + 899, uptime: seconds).cause(since: start) == nil)
            #expect(sight(now: seconds - 899, uptime: seconds).cause(since: start) == nil)
        }
    }

    @Test(arguments: [900, -900, 172_800, -172_800] as [Int64])
    func aJump(_ seconds: Int64) {
        let cause = sight(now: seconds + 60, uptime: 60).cause(since: sight())
        #expect(cause?.contains("jumped by \(seconds) s") == true)
        // Whoever has seen it first has begun an epoch.
        #expect(sight(epoch: 1, now: seconds + 60, uptime: 60).cause(since: sight()) == nil)
    }

    @Test func aLogThatEndsEarlier() {
        #expect(sight(log: 989).cause(since: sight())?.contains("put back") == true)
        // What was not safe on the disk may go in a crash.
        #expect(sight(log: 991).cause(since: sight()) == nil)
        #expect(sight(log: 5, identity: "2/00000001/5/6").cause(since: sight()) == nil)
        #expect(sight(epoch: 1, log: 5).cause(since: sight()) == nil)
    }
}
