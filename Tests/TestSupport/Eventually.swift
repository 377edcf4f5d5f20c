internal import Determinism
internal import ServiceBootstrap

/// A condition that did not come true in time.
public struct NeverHappened: Error, CustomStringConvertible {
    public let description: String
}

/// Polls until `condition` holds, for what no signal tells. A thrown error counts as "not yet".
///
/// - Parameter limit: generous, because a healthy run never waits for it.
/// - Throws: `NeverHappened`, with the last error if there was one.
public func eventually(
    within limit: Duration = .seconds(15),
    _ what: String = "condition",
    _ condition: () async throws -> Bool
) async throws {
    let time = SystemTime()
    let deadline = time.uptime + limit
    var pause = Duration.milliseconds(2)
    var lastError: (any Error)?
    while true {
        do {
            if try await condition() { return }
            lastError = nil
        } catch { lastError = error }
        guard time.uptime < deadline else {
            let reason = lastError.map { ", last error: \($0)" } ?? ""
            throw NeverHappened(description: "\(what) did not come true within \(limit)\(reason)")
        }
        try await time.sleep(for: pause)
        pause = min(pause * 2, .milliseconds(100))
    }
}
