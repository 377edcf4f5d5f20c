import FaultPoints
import KafkaClient
import TransactionalOutbox

/// Publishes rows in order and moves the outbox on behind their acknowledgements. Lives as long as one
/// leadership; after any failure it is thrown away with its producer, and the next one resumes behind the last
/// acknowledged row: duplicates, never a gap.
actor Publisher {
    private let ticks: TickStore
    private let producer: KafkaProducer
    private let epoch: Int64
    private let faults: any Faults
    private let figures: RelayFigures
    private var parkedKeys: Set<String>
    /// Rows per page; two pages are in memory at a time.
    private let pageLimit = 2_000

    init(
        ticks: TickStore,
        producer: KafkaProducer,
        epoch: Int64,
        faults: any Faults,
        figures: RelayFigures
    ) async throws {
        self.ticks = ticks
        self.producer = producer
        self.epoch = epoch
        self.faults = faults
        self.figures = figures
        parkedKeys = try await ticks.parkedKeys()
    }

    func close() async { await producer.close(flushLimit: .zero) }

    /// Publishes what is left of a tick. The next page is read and handed over while the last one's
    /// acknowledgements are awaited.
    func publish(_ position: TickPosition) async throws {
        var after = position.lastID
        var underWay: Page?
        repeat {
            let rows = try await ticks.page(of: position, after: after, limit: pageLimit)
            let next = rows.isEmpty ? nil : try await handOver(rows)
            if let underWay { try await settle(underWay) { try await ticks.advance(to: $0, epoch: epoch) } }
            underWay = next
            after = rows.last?.id ?? after
        } while underWay != nil
    }

    /// Carries out one request of an operator, if there is one.
    func serveRequest() async throws {
        guard let request = try await ticks.nextRequest() else { return }
        let result =
            switch request.kind {
            case .republish: try await republish(request)
            case .unpark: try await unpark(request.key)
            }
        try await ticks.finish(request.id, result: result)
    }

    // MARK: - Pages

    private struct Page {
        let rows: [OutboxRow]
        /// Those of `rows` that were handed to the producer; the others wait behind a parked row of their key.
        let sent: [OutboxRow]
        let delivery: PendingDelivery
    }

    private func handOver(_ rows: [OutboxRow]) async throws -> Page {
        try faults.reach(.beforePageProduced)
        let sent = parkedKeys.isEmpty ? rows : rows.filter { !parkedKeys.contains($0.event.key) }
        let delivery = await producer.enqueue(sent.map { ProducerRecord($0.event) })
        try faults.reach(.afterPageProduced)
        return Page(rows: rows, sent: sent, delivery: delivery)
    }

    /// Awaits the page's reports, parks what can never go, and calls `advance` with the last row that is done.
    ///
    /// - Throws: the producer's error, after everything before the first failed row was recorded.
    private func settle(_ page: Page, advance: (Int64) async throws -> Void) async throws {
        let reports = await page.delivery.reports()
        try faults.reach(.afterPageAcked)
        var waiting = page.rows.filter { parkedKeys.contains($0.event.key) }.map(\.id)
        var reason = "waits behind an earlier row of its key"
        var failure: (row: OutboxRow, error: KafkaError)?
        for (row, report) in zip(page.sent, reports) {
            guard case .failed(let error) = report else { continue }
            guard error.isUnpublishable else {
                failure = (row, error)
                break
            }
            reason = "\(error.name): \(error.message)"
            parkedKeys.insert(row.event.key)
            waiting.append(row.id)
        }
        let last = failure.map { failed in page.rows.last { $0.id < failed.row.id }?.id } ?? page.rows.last?.id
        guard let last else { throw RelayFailure.producer(failure?.error) }
        try await ticks.park(waiting.filter { $0 <= last }, reason: reason, epoch: epoch)
        try faults.reach(.beforeRelayAdvanced)
        try await advance(last)
        try faults.reach(.afterRelayAdvanced)
        figures.record(publishedCount: page.sent.count { $0.id <= last })
        if let failure { throw RelayFailure.producer(failure.error) }
    }

    // MARK: - Requests

    private func republish(_ request: OutboxRequest) async throws -> String {
        var after: Int64 = 0
        var count = 0
        while true {
            let rows = try await ticks.retainedRows(for: request, after: after, limit: pageLimit)
            guard let last = rows.last else { return "\(count) rows published again" }
            try await settle(try await handOver(rows)) { _ in }
            count += rows.count
            after = last.id
        }
    }

    /// Tries parked rows again, key by key, in order.
    private func unpark(_ key: String?) async throws -> String {
        let keys = key.map { [$0] } ?? parkedKeys.sorted()
        var count = 0
        for key in keys {
            guard let published = try await publishParked(key) else {
                return "\(count) rows published; \(key) still cannot be"
            }
            count += published
            parkedKeys.remove(key)
        }
        return "\(count) rows published"
    }

    /// - Returns: nil when a row still cannot be published: it and those behind it stay parked.
    private func publishParked(_ key: String) async throws -> Int? {
        var after: Int64 = 0
        var count = 0
        while true {
            let rows = try await ticks.parkedRows(of: key, after: after, limit: pageLimit)
            guard let last = rows.last else { return count }
            for row in rows {
                guard case .acked = await producer.produce([ProducerRecord(row.event)]).first else { return nil }
                try await ticks.unpark(key, through: row.id, epoch: epoch)
                count += 1
            }
            after = last.id
        }
    }
}

enum RelayFailure: Error {
    /// Rows from the failed one on are not known to be on the log.
    case producer(KafkaError?)
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
