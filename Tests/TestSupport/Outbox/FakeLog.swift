internal import Synchronization
public import TransactionalOutbox

/// The log that events arrive in: what matters is which came, and in what order each key's came first.
public final class FakeLog: Sendable {
    private let records = Mutex<[(key: String, version: Int64)]>([])

    public init() {}

    public func append(_ rows: [OutboxRow]) {
        records.withLock { $0 += rows.map { ($0.key, $0.version) } }
    }

    public func append(key: String, version: Int64) { records.withLock { $0.append((key, version)) } }

    public var count: Int { records.withLock { $0.count } }

    /// Against what was committed: versions that never came; first occurrences out of order or with a gap; records
    /// of versions that were never committed.
    public func findings(_ committed: [String: Int64]) -> Findings {
        var findings = Findings(events: committed.values.reduce(0, +))
        var highest: [String: Int64] = [:]
        var seen: [String: Set<Int64>] = [:]
        for (key, version) in records.withLock({ $0 }) {
            if version > committed[key] ?? 0 { findings.phantoms += 1 }
            if seen[key, default: []].insert(version).inserted {
                if version != highest[key, default: 0] + 1 { findings.inversions += 1 }
                highest[key] = max(version, highest[key, default: 0])
            } else {
                findings.repeats += 1
            }
        }
        findings.lost = committed.reduce(0) { $0 + $1.value - Int64(seen[$1.key]?.count ?? 0) }
        return findings
    }
}

public struct Findings: CustomStringConvertible {
    public var events: Int64 = 0
    public var lost: Int64 = 0
    public var inversions = 0
    public var repeats = 0
    public var phantoms = 0

    public var description: String {
        "\(events) events, \(lost) lost, \(inversions) inversions, \(repeats) repeats, \(phantoms) phantoms"
    }

    public var isClean: Bool { lost == 0 && inversions == 0 && phantoms == 0 }

    /// A line of the table in the test's output.
    public func report(_ reader: String) { print("outbox | \(reader) | \(self)") }
}
