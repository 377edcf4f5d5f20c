import CRdkafka

/// The least a relay can do: it reads one transaction's rows by their index, a page after the other, and hands each to the
/// producer. It knows which transaction to read, keeps no place and survives nothing.
struct BareRelay {
    private let database: BareDatabase
    private let producer: BareProducer

    /// As the relay reads them.
    private static let statements = [
        "page": """
        SELECT id, key, headers, payload FROM outbox WHERE tx = $1::xid8 AND id > $2::bigint ORDER BY id LIMIT 5000
        """
    ]

    /// A table that was just written has no statistics: the index is to be read all the same.
    private static let settings = """
        SET enable_seqscan = off; SET enable_bitmapscan = off; SET enable_sort = off; SET jit = off
        """

    init(_ database: String, _ producer: BareProducer) throws {
        self.database = try BareDatabase(database, settings: Self.settings, Self.statements)
        self.producer = producer
    }

    /// Returns when all rows are acknowledged.
    func publish(_ transaction: String, _ count: Int) throws {
        producer.begin()
        var (last, read) = (Int64.min, 0)
        while read < count {
            let page = try database.each("page", [transaction, "\(last)"]) { field in
                last = Int64(bigEndian: field(0).loadUnaligned(as: Int64.self))
                try producer.hand(over: field(1), field(3), Self.headers(field(2)))
            }
            guard page > 0 else { throw BenchFailure("\(read) of \(count) rows are in the outbox") }
            read += page
        }
        try producer.finish(count)
    }

    /// From a `text[]` in binary form (`array_send`): names and values in turns.
    private static func headers(_ array: UnsafeRawBufferPointer) -> OpaquePointer? {
        let headers = rd_kafka_headers_new(8)
        var place = 20
        func next() -> UnsafeRawBufferPointer {
            let length = Int(Int32(bigEndian: array.loadUnaligned(fromByteOffset: place, as: Int32.self)))
            defer { place += 4 + length }
            return UnsafeRawBufferPointer(rebasing: array[place + 4..<place + 4 + length])
        }
        while place < array.count {
            let (name, value) = (next(), next())
            rd_kafka_header_add(headers, name.baseAddress, name.count, value.baseAddress, value.count)
        }
        return headers
    }
}
