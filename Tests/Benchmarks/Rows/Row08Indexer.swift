import EventContracts
import Foundation
import PostgresClient
import ServiceBootstrap

extension Row {
    /// What the fence, the inbox and the offset cost beside the rows themselves. Events that carry metadata and ask for no
    /// work on bytes: files that were deleted. Their first versions, which makes rows as the bare insert does; then their second, as it
    /// would be of a file that was stored.
    static let indexer = Row(
        number: 8,
        title:
            "indexer events/s (fence + upsert + offset, metadata only) ÷ bare batch insert; second replay ÷ first",
        comparisons: [
            Comparison(
                "indexer ÷ bare batch insert",
                unit: "events/s",
                "indexer",
                over: "insert",
                floor: 0.55,
                goal: 0.75
            ),
            Comparison("… of files it knows ÷ bare insert", unit: "events/s", "updates", over: "insert"),
            Comparison("… a bare upsert ÷ bare insert", unit: "events/s", "upsert", over: "insert"),
            Comparison("… the indexer ÷ that upsert", unit: "events/s", "indexer", over: "upsert"),
            Comparison(
                "indexer: second replay ÷ first",
                unit: "events/s",
                "replay",
                over: "indexer",
                floor: 1,
                goal: 1.5
            ),
        ]
    ) { site in
        let count = site.scaled(40_000, least: 2_000)
        let deployment = try await Deployment(at: site)
        let producer = try ProducerLoan(deployment.brokers, topic: Topic.files.name)
        try await Command.psql(deployment.indexerDatabase, BareInsert.schema)
        let insert = BareInsert(pool: deployment.documents)
        return Trial(sides: [
            Side(
                "indexer",
                measures: {
                    try await Command.psql(deployment.indexerDatabase, BareInsert.analysis)
                    try await Command.psql(deployment.indexerDatabase, rememberOffsets)
                    let files = (0..<count).map { _ in UUID() }
                    try await producer.produce(files.map { BareRecord(try deletion(of: $0, version: 1)) })
                    let first = try await rate(deployment, count)
                    try await Command.psql(deployment.indexerDatabase, rewindOffsets)
                    let replay = try await rate(deployment, count)
                    try await producer.produce(files.map { BareRecord(try deletion(of: $0, version: 2)) })
                    return ["indexer": first, "replay": replay, "updates": try await rate(deployment, count)]
                }
            ),
            Side("insert") {
                try await Command.psql(deployment.indexerDatabase, BareInsert.analysis)
                let events = (0..<count).map { _ in UUID() }
                return Double(count) / (try await seconds { try await insert.write(events) })
            },
            Side("upsert") {
                try await Command.psql(deployment.indexerDatabase, BareInsert.analysis)
                let events = (0..<count).map { _ in UUID() }
                return Double(count) / (try await seconds { try await insert.upsert(events) })
            },
        ])
    }

    private static let rememberOffsets = """
        DROP TABLE IF EXISTS bench_offsets; CREATE TABLE bench_offsets AS TABLE consumer_offsets
        """
    private static let rewindOffsets = """
        UPDATE consumer_offsets c SET next_offset = coalesce(
            (SELECT b.next_offset FROM bench_offsets b
              WHERE (b.consumer, b.topic, b.partition) = (c.consumer, c.topic, c.partition)), 0)
        """
    private static let progress: Statement = """
        SELECT coalesce(sum(next_offset), 0)::bigint FROM consumer_offsets WHERE consumer = 'indexer-service'
        """

    private static func deletion(of file: UUID, version: Int64) throws -> EncodedEvent {
        let now = SystemTime().now
        return try FileEvent(
            fileID: file,
            version: version,
            tenant: Deployment.tenant,
            owner: Deployment.owner,
            occurredAt: now,
            detail: .deleted(
                DeletedFile(name: "quarterly report of the northern region.pdf", deleteAfter: now)
            )
        ).encoded()
    }

    /// Events a second, from the first batch that was committed to the last: what a consumer needs to join its group is
    /// not counted.
    private static func rate(_ deployment: Deployment, _ count: Int) async throws -> Double {
        let pool = deployment.documents
        let begin = try await pool.query(progress).only().int(0)
        let service = try await deployment.start("IndexerService")
        var (from, to) = (begin, begin)
        try await eventually(within: .seconds(60), "the indexer begins") {
            from = try await pool.query(progress).only().int(0)
            return from > begin
        }
        let took = try await seconds {
            try await eventually(
                within: .seconds(600),
                every: .milliseconds(5),
                "the indexer has read everything"
            ) {
                to = try await pool.query(progress).only().int(0)
                return to >= begin + count
            }
        }
        await service.program.stop()
        return Double(to - from) / took
    }
}

extension BareRecord {
    init(_ event: EncodedEvent) {
        self.init(
            key: Array(event.key.utf8),
            value: event.payload,
            headers: event.headers.map { (name: $0.name, value: Array($0.value)) }
        )
    }
}
