import Determinism
import Foundation
import ServiceBootstrap
import Synchronization

/// Requests of several clients at the same time, each on its own thread and connection, one after the other.
enum Load {
    struct Outcome: Sendable {
        /// From the first request to the last answer, in seconds.
        let seconds: Double
        /// Of every request, in seconds.
        let latencies: [Double]

        var perSecond: Double { Double(latencies.count) / seconds }
    }

    /// - Parameter status: what every answer must have; the first other one ends the run.
    static func run(
        _ address: ServerAddress,
        clients: Int,
        _ requests: [BareRequest],
        status: ClosedRange<Int> = 200...299
    ) async throws -> Outcome {
        let connections = try (0..<clients).map { _ in Connection(try BareConnection(address)) }
        let next = Counter()
        let time = SystemTime()
        let begin = time.uptime
        let all = try await withThrowingTaskGroup(of: [Double].self) { group in
            for connection in connections {
                group.addTask {
                    try await onThread {
                        Result { try drain(requests, from: next, connection, status) }
                    }.get()
                }
            }
            return try await group.reduce(into: [Double]()) { $0 += $1 }
        }
        return Outcome(seconds: (time.uptime - begin).inSeconds, latencies: all)
    }

    /// Gives out numbers, each once.
    private final class Counter: Sendable {
        private let next = Atomic(0)
        func take() -> Int { next.wrappingAdd(1, ordering: .relaxed).oldValue }
    }

    /// Sendable because it is handed to one thread, which alone uses it.
    private struct Connection: @unchecked Sendable {
        let bare: BareConnection
        init(_ bare: BareConnection) { self.bare = bare }
    }

    private static func drain(
        _ requests: [BareRequest],
        from next: Counter,
        _ connection: Connection,
        _ status: ClosedRange<Int>
    ) throws -> [Double] {
        let time = SystemTime()
        var latencies: [Double] = []
        while true {
            let index = next.take()
            guard index < requests.count else { return latencies }
            let begin = time.uptime
            let answer = try connection.bare.exchange(requests[index], keepsBody: false)
            guard status.contains(answer.status) else { throw BenchFailure("answered \(answer.status)") }
            latencies.append((time.uptime - begin).inSeconds)
        }
    }
}
