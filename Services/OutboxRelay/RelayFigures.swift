import KafkaClient
import Synchronization

/// What a relay has done since it started, for metrics and health.
final class RelayFigures: Sendable {
    struct Snapshot: Sendable {
        var publishedCount = 0
        var isLeader = false
        var failureCount = 0
        /// The newest failure; nil after something was published since.
        var lastFailure: String?
    }

    private let state = Mutex(Snapshot())
    private let readStatistics = Mutex<@Sendable () -> KafkaStatistics?>({ nil })

    var snapshot: Snapshot { state.withLock { $0 } }

    var isLeader: Bool {
        get { state.withLock { $0.isLeader } }
        set { state.withLock { $0.isLeader = newValue } }
    }

    /// Of the producer in use; nil before its first interval is over. Read from JSON at each call: for metrics only.
    var kafka: KafkaStatistics? { readStatistics.withLock { $0 }() }

    func follow(_ producer: KafkaProducer) {
        readStatistics.withLock { $0 = { [weak producer] in producer?.statistics } }
    }

    func record(publishedCount: Int) {
        state.withLock {
            $0.publishedCount += publishedCount
            $0.lastFailure = nil
        }
    }

    func record(failure: String) {
        state.withLock {
            $0.failureCount += 1
            $0.lastFailure = failure
        }
    }
}
