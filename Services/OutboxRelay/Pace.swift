import KafkaClient
import TransactionalOutbox

/// How many rows are under way at once.
///
/// A broker may refuse a whole batch as too large, innocent records included. Then the relay slows down until a
/// refused record travels alone: only that one is at fault. While it is slow nothing overlaps.
struct Pace: Equatable {
    let fullRowLimit: Int
    private(set) var rowLimit: Int

    init(rowLimit: Int) {
        fullRowLimit = rowLimit
        self.rowLimit = rowLimit
    }

    /// Whether the next rows may be handed over while the last ones' acknowledgements are awaited.
    var isFull: Bool { rowLimit == fullRowLimit }

    mutating func slowDown(after rowCount: Int) { rowLimit = max(1, min(rowLimit, rowCount) / 8) }
    mutating func speedUp() { rowLimit = min(fullRowLimit, rowLimit * 2) }
}

/// Cuts pages into what travels together: rows that may be larger than a record is allowed to be go alone.
struct Cut {
    /// librdkafka refuses a larger record at once (`message.max.bytes`), while those after it go their way.
    let recordBytesLimit: Int

    /// The rows to hand over next.
    func next(of rows: ArraySlice<OutboxRow>, limit: Int) -> ArraySlice<OutboxRow> {
        guard let first = rows.first else { return rows }
        if mayBeRefused(first) { return rows.prefix(1) }
        return rows.prefix(limit).prefix { !mayBeRefused($0) }
    }

    func mayBeRefused(_ row: OutboxRow) -> Bool {
        let record = ProducerRecord(row.event)
        let headers = record.headers.reduce(0) { $0 + $1.name.utf8.count + $1.value.count + 16 }
        return record.key.count + record.value.count + headers + 512 > recordBytesLimit
    }
}

extension ProducerRecord {
    init(_ event: OutboxEvent) {
        self.init(
            topic: event.topic,
            key: Array(event.key.utf8),
            value: event.payload,
            headers: event.headers.map { ($0.name, Array($0.value.utf8)) }
        )
    }
}
