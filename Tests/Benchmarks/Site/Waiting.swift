import Determinism
import ServiceBootstrap

/// There is nothing more to wait for.
struct ProgramEnded: Error, CustomStringConvertible {
    let description: String
    init(_ description: String) { self.description = description }
}

/// Polls until `condition` holds; what it throws is told when the time is over.
func eventually(
    within limit: Duration,
    every pause: Duration = .milliseconds(2),
    _ what: String,
    _ condition: () async throws -> Bool
) async throws {
    let time = SystemTime()
    let deadline = time.uptime + limit
    var reason = ""
    while true {
        do {
            if try await condition() { return }
        } catch let end as ProgramEnded { throw end } catch { reason = ": \(error)" }
        guard time.uptime < deadline else { throw BenchFailure("\(what): not within \(limit)\(reason)") }
        try await time.sleep(for: pause)
    }
}

/// How long `work` takes, in seconds.
func seconds(_ work: () async throws -> Void) async rethrows -> Double {
    let time = SystemTime()
    let begin = time.uptime
    try await work()
    return (time.uptime - begin).inSeconds
}
