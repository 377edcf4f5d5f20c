import Determinism
import Testing

@testable import UploadService

/// Draws the same number always.
private struct FixedRandom: RandomSource {
    let word: UInt64
    func nextUInt64() -> UInt64 { word }
}

@Suite struct ScheduleTests {
    /// Uniform from nothing to a tenth of the interval, whatever is drawn.
    @Test(
        arguments: [
            (0, .zero), (1 << 63, .seconds(4_320)), (1 << 62, .seconds(2_160)),
            (.max, .seconds(8_640) - .microseconds(1)),
        ] as [(UInt64, Duration)]
    )
    func aDailyRunIsUpToATenthOfADayLate(_ drawn: UInt64, _ jitter: Duration) {
        let limit = Scheduler.jitterLimit(every: .seconds(86_400))
        #expect(limit == .seconds(8_640))
        #expect(FixedRandom(word: drawn).jitter(upTo: limit) == jitter)
    }

    @Test func whatHasNoJitterIsNeverLate() {
        #expect(FixedRandom(word: .max).jitter(upTo: .zero) == .zero)
    }
}
