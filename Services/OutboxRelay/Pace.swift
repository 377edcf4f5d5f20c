import KafkaClient
import PostgresClient
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

    func mayBeRefused(_ row: OutboxRow) -> Bool { row.byteCount > recordBytesLimit }
}

extension ProducerRecord {
    init(_ row: OutboxRow) {
        self.init(
            topic: row.topic,
            key: Array(row.key.utf8),
            value: row.payload,
            headers: RecordHeaders(bytes: row.headers.bytes, ends: row.headers.ends)
        )
    }
}
