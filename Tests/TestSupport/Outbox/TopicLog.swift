public import KafkaClient
internal import Synchronization

/// Everything one topic holds, as an independent consumer reads it.
///
/// Beside what ``FakeLog`` finds: copies of one event must be the same bytes, and a key must stay in its partition.
public final class TopicLog: Sendable {
    private struct Seen {
        var copies: [String: ConsumerRecord] = [:]
        var partitions: [[UInt8]: Int32] = [:]
        var differences = 0
    }

    public let log = FakeLog()
    private let seen = Mutex(Seen())

    public init() {}

    /// Copies that differ from the first of their event, and records outside their key's partition.
    public var differences: Int { seen.withLock { $0.differences } }

    /// Reads until the task is cancelled.
    public func follow(_ consumer: KafkaConsumer) async {
        for await event in consumer {
            switch event {
            case .assigned(let partitions):
                consumer.assign(Dictionary(uniqueKeysWithValues: partitions.map { ($0, 0) }))
            case .records(let records): for record in records { take(record) }
            case .revoked(_, let acknowledgement): acknowledgement.done()
            case .lost, .failed: break
            }
            if Task.isCancelled { break }
        }
    }

    private func take(_ record: ConsumerRecord) {
        let key = record.key ?? []
        let id =
            record.headers.first { $0.name == "ce_id" }.map { String(decoding: $0.value, as: UTF8.self) }
            ?? ""
        seen.withLock { seen in
            let first = seen.copies[id] ?? record
            seen.copies[id] = first
            let home = seen.partitions[key] ?? record.partition
            seen.partitions[key] = home
            if first.value != record.value || !first.hasSameHeaders(as: record) || home != record.partition {
                seen.differences += 1
            }
        }
        let version = id.split(separator: ".").last.flatMap { Int64($0) } ?? -1
        log.append(key: String(decoding: key, as: UTF8.self), version: version)
    }
}

extension ConsumerRecord {
    fileprivate func hasSameHeaders(as other: ConsumerRecord) -> Bool {
        headers.elementsEqual(other.headers) { $0.name == $1.name && $0.value == $1.value }
    }
}
