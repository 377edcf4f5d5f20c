import Determinism
import FoundationEssentials
import IdempotentInbox

/// One parked record; the names of JSON output are kept stable.
struct ParkedReport: Encodable, Sendable {
    let id: Int64
    let consumer: String
    let topic: String
    let partition: Int32
    let offset: Int64
    let key: String?
    let reason: String
    let parkedAt: String
    let replayRequestedAt: String?
    let headers: [String: String]
    let valueBase64: String?

    enum CodingKeys: String, CodingKey {
        case id, consumer, topic, partition, offset, key, reason
        case parkedAt = "parked_at"
        case replayRequestedAt = "replay_requested_at"
        case headers
        case valueBase64 = "value_base64"
    }

    init(_ entry: ParkedEntry) {
        let record = entry.record
        id = entry.id
        consumer = entry.consumer
        topic = record.topic
        partition = record.partition
        offset = record.offset
        key = record.key.map { String(decoding: $0, as: UTF8.self) }
        reason = entry.reason
        parkedAt = entry.parkedAt.rfc3339
        replayRequestedAt = entry.replayRequestedAt?.rfc3339
        let texts = record.headers.map { ($0.name, String(decoding: $0.value, as: UTF8.self)) }
        headers = Dictionary(texts) { first, _ in first }
        valueBase64 = record.value.map { Data($0).base64EncodedString() }
    }

    /// One line, whatever somebody else wrote into key and reason.
    var text: String {
        let request = replayRequestedAt == nil ? "" : ", to be replayed"
        let line =
            "\(id) \(consumer) \(topic)/\(partition)@\(offset) key \(key ?? "-") since \(parkedAt)\(request): \(reason)"
        return String(
            String.UnicodeScalarView(
                line.unicodeScalars.map { $0.value < 0x20 || $0.value == 0x7f ? "?" : $0 }
            )
        )
    }
}

/// What became of the records a replay was asked for.
struct ReplayReport: Encodable, Sendable {
    let asked: Int
    let replayed: Int
    /// Not tried yet.
    let open: Int
    /// Tried in vain, or behind such a one.
    let parked: [ParkedReport]

    init(asked: Int, left: [ParkedEntry]) {
        self.asked = asked
        replayed = asked - left.count
        parked = left.filter { $0.replayRequestedAt == nil }.map(ParkedReport.init)
        open = left.count - parked.count
    }

    var lines: [String] { ["\(replayed) of \(asked) replayed"] + parked.map(\.text) }

    func complain(after answer: AnswerOptions) throws {
        if open > 0 {
            throw CommandFailure(
                sentence:
                    "\(open) records are not tried yet after \(answer.wait) s; a running consumer tries them.",
                exitCode: .notYet
            )
        }
        if !parked.isEmpty {
            throw CommandFailure(sentence: "\(parked.count) records stay parked.", exitCode: .refused)
        }
    }
}
