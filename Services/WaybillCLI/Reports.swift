import IdempotentInbox
import TransactionalOutbox

/// What the relay said to a request; the names of JSON output are kept stable.
struct RelayAnswer: Encodable, Sendable {
    let request: Int64
    /// Nil while no relay has carried the request out.
    let result: String?
}

struct OutboxReport: Encodable, Sendable {
    let unpublishedAgeSeconds: Int64
    let parkedRows: Int64
    let parkedKeys: Int64
    let slot: Int
    let epoch: Int64
    let openRequests: Int64
    /// Seconds by which each hold is behind.
    let holds: [String: Int64]

    enum CodingKeys: String, CodingKey {
        case unpublishedAgeSeconds = "unpublished_age_seconds"
        case parkedRows = "parked_rows"
        case parkedKeys = "parked_keys"
        case slot, epoch, holds
        case openRequests = "open_requests"
    }

    init(_ status: OutboxStatus, _ holds: [HoldStatus]) {
        self.holds = Dictionary(holds.map { ($0.name, $0.ageSeconds) }, uniquingKeysWith: max)
        unpublishedAgeSeconds = status.unpublishedAgeSeconds
        parkedRows = status.parkedRowCount
        parkedKeys = status.parkedKeyCount
        slot = status.slot
        epoch = status.epoch
        openRequests = status.openRequestCount
    }

    var text: String {
        """
        oldest unpublished row  \(unpublishedAgeSeconds) s
        parked rows             \(parkedRows) under \(parkedKeys) keys
        slot written now        \(slot)
        epoch of the leader     \(epoch == 0 ? "none yet" : "\(epoch)")
        open requests           \(openRequests)
        """
            + holds.sorted { $0.key < $1.key }.map { "\nhold \($0.key), behind by \($0.value) s" }.joined()
    }
}

struct OffsetReport: Encodable, Sendable {
    let consumer: String
    let topic: String
    let partition: Int32
    let nextOffset: Int64
    let epoch: Int64

    enum CodingKeys: String, CodingKey {
        case consumer, topic, partition
        case nextOffset = "next_offset"
        case epoch
    }

    init(_ position: ConsumerPosition) {
        consumer = position.consumer
        topic = position.topic
        partition = position.partition
        nextOffset = position.nextOffset
        epoch = position.epoch
    }

    var text: String { "\(consumer) \(topic)/\(partition) next offset \(nextOffset), epoch \(epoch)" }
}
