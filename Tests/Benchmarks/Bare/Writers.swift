import Determinism
import Foundation
import PostgresClient
import ServiceBootstrap
import Synchronization

/// Several writers, each committing one event after the other.
enum Writers {
    /// At a fixed rate together, spread evenly.
    ///
    /// - Returns: when the commit of each key was acknowledged, by the monotonic clock.
    static func paced(
        _ writerCount: Int,
        perSecond: Int,
        count: Int,
        _ write: @escaping @Sendable (String) async throws -> Void
    ) async throws -> [String: Duration] {
        let time = SystemTime()
        let begin = time.uptime + .milliseconds(10)
        return try await withThrowingTaskGroup(of: [String: Duration].self) { group in
            for writer in 0..<writerCount {
                group.addTask {
                    var committed: [String: Duration] = [:]
                    for number in stride(from: writer, to: count, by: writerCount) {
                        let due = begin + .seconds(Double(number) / Double(perSecond))
                        let now = time.uptime
                        if due > now { try await time.sleep(for: due - now) }
                        let key = UUID().text
                        try await write(key)
                        committed[key] = time.uptime
                    }
                    return committed
                }
            }
            return try await group.reduce(into: [:]) { $0.merge($1) { first, _ in first } }
        }
    }

    /// As fast as they can.
    ///
    /// - Returns: commits a second.
    static func rate(
        _ writerCount: Int,
        for duration: Duration,
        _ write: @escaping @Sendable (String) async throws -> Void
    ) async throws -> Double {
        let time = SystemTime()
        let end = time.uptime + duration
        let count = try await withThrowingTaskGroup(of: Int.self) { group in
            for _ in 0..<writerCount {
                group.addTask {
                    var count = 0
                    while time.uptime < end {
                        try await write(UUID().text)
                        count += 1
                    }
                    return count
                }
            }
            return try await group.reduce(0, +)
        }
        return Double(count) / duration.inSeconds
    }
}
