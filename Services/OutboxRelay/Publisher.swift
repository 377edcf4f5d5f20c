import FaultPoints
import KafkaClient
import TransactionalOutbox

/// Publishes rows in order and moves the outbox on behind their acknowledgements. Lives as long as one
/// leadership; after a failure it is thrown away with its producer, and the next one resumes behind the last
/// acknowledged row: duplicates, never a gap.
///
/// Order: first occurrences of one key's rows reach the log in the order of ids, around refused rows too. A row that
/// may be refused by the library travels alone. When a broker refuses one, the producer ends (`enable.gapless.guarantee`)
/// before anything sent after it in its partition can be stored, and the rows travel again, in ever smaller groups
/// until the culprit is alone: it is parked, and later rows of its key wait behind it.
actor Publisher {
    private let ticks: TickStore
    private let makeProducer: @Sendable () throws(KafkaError) -> KafkaProducer
    private var producer: KafkaProducer
    private let leader: TickLeader
    private let faults: any Faults
    private let figures: RelayFigures
    private let limits: PageLimits
    private let cut: Cut
    private var pace: Pace
    private var parkedKeys: Set<String>

    /// Call it after the epoch was adopted: an earlier leader may park keys until then.
    init(
        ticks: TickStore,
        makeProducer: @escaping @Sendable () throws(KafkaError) -> KafkaProducer,
        recordBytesLimit: Int,
        limits: PageLimits = PageLimits(),
        leader: TickLeader,
        faults: any Faults,
        figures: RelayFigures
    ) async throws {
        self.ticks = ticks
        self.makeProducer = makeProducer
        self.leader = leader
        self.faults = faults
        self.figures = figures
        self.limits = limits
        cut = Cut(recordBytesLimit: recordBytesLimit)
        pace = Pace(rowLimit: limits.rowCount)
        parkedKeys = try await ticks.parkedKeys()
        producer = try makeProducer()
        figures.follow(producer)
    }

    func close() async { await producer.close(flushLimit: .zero) }

    /// Publishes what is left of a tick. The next page is read and handed over while the last one's
    /// acknowledgements are awaited.
    ///
    /// - Parameter mustStop: asked before more is handed over; what is under way is awaited all the same.
    /// - Returns: false when it stopped before the end of the tick.
    func publish(_ position: TickPosition, until mustStop: @escaping @Sendable () -> Bool) async throws
        -> Bool
    {
        var course = Course(settled: position.lastID) { [ticks, limits] id in
            try await ticks.page(of: position, after: id, limits: limits)
        } advance: { [ticks] id in
            try await ticks.advance(position, to: id)
        }
        return try await follow(&course, until: mustStop)
    }

    /// Publishes rows that were published before once more.
    ///
    /// - Returns: how many, or nil when it stopped before the end.
    func republish(_ request: OutboxRequest, until mustStop: @escaping @Sendable () -> Bool) async throws
        -> Int?
    {
        var course = Course(settled: 0) { [ticks, limits] id in
            try await ticks.retainedRows(for: request, after: id, limits: limits)
        } advance: { _ in
        }
        return try await follow(&course, until: mustStop) ? course.count : nil
    }

    // MARK: - The way through the rows

    private struct Course {
        /// Everything up to here is acknowledged, or parked.
        var settled: Int64
        var count = 0
        var readThrough: Int64
        /// Read, but not handed over yet.
        var rows: ArraySlice<OutboxRow> = []
        let read: @Sendable (Int64) async throws -> [OutboxRow]
        let advance: @Sendable (Int64) async throws -> Void

        init(
            settled: Int64,
            read: @escaping @Sendable (Int64) async throws -> [OutboxRow],
            advance: @escaping @Sendable (Int64) async throws -> Void
        ) {
            self.settled = settled
            readThrough = settled
            self.read = read
            self.advance = advance
        }

        mutating func startOver() {
            rows = []
            readThrough = settled
        }
    }

    private struct Group {
        let rows: ArraySlice<OutboxRow>
        /// Those of `rows` that were handed to the producer; the others wait behind a parked row of their key.
        let sent: [OutboxRow]
        let delivery: PendingDelivery
        /// Nothing else is under way, and only one record is in it: a refusal can only be meant for that one.
        let isLone: Bool
    }

    private func follow(_ course: inout Course, until mustStop: @Sendable () -> Bool) async throws -> Bool {
        while true {
            do {
                return try await hurry(along: &course, until: mustStop)
            } catch let refusal as Refusal {
                // What was sent after the refused row does not count: start over behind what is settled.
                pace.slowDown(after: refusal.rowCount)
                course.startOver()
                try await renewProducer()
            }
        }
    }

    private func hurry(along course: inout Course, until mustStop: @Sendable () -> Bool) async throws -> Bool
    {
        var underWay: Group?
        while true {
            let rows = mustStop() ? [] : try await nextRows(of: &course)
            let isAlone = !pace.isFull || rows.first.map(cut.mayBeRefused) ?? false
            if isAlone, let last = underWay.take() { try await settle(last, &course) }
            let next = rows.isEmpty ? nil : try await handOver(rows, isAlone: isAlone)
            if let last = underWay.take() { try await settle(last, &course) }
            guard let next else { return !mustStop() }
            if isAlone { try await settle(next, &course) } else { underWay = next }
        }
    }

    private func nextRows(of course: inout Course) async throws -> ArraySlice<OutboxRow> {
        if course.rows.isEmpty {
            course.rows = try await course.read(course.readThrough)[...]
            course.readThrough = course.rows.last?.id ?? course.readThrough
        }
        let rows = cut.next(of: course.rows, limit: pace.rowLimit)
        course.rows = course.rows.dropFirst(rows.count)
        return rows
    }

    private func handOver(_ rows: ArraySlice<OutboxRow>, isAlone: Bool) async throws -> Group {
        try faults.reach(.beforePageProduced)
        let sent = rows.filter { !parkedKeys.contains($0.event.key) }
        let delivery = await producer.enqueue(sent.map { ProducerRecord($0.event) })
        try faults.reach(.afterPageProduced)
        return Group(rows: rows, sent: sent, delivery: delivery, isLone: isAlone && sent.count == 1)
    }

    /// Awaits the group's reports and moves on behind everything before the first that is not acknowledged.
    ///
    /// - Throws: `Refusal` when somebody in the group can never go, but it is not clear who; the producer's error
    ///   otherwise. A cancelled wait counts as not acknowledged.
    private func settle(_ group: Group, _ course: inout Course) async throws {
        try faults.reach(.beforePageAcked)
        let reports = await group.delivery.reports()
        try faults.reach(.afterPageAcked)
        let failure = zip(group.sent, reports).lazy.compactMap { row, report in
            if case .failed(let error) = report { (row: row, error: error) } else { nil }
        }.first
        guard let failure else {
            try await record(group.rows, sentCount: group.sent.count, &course)
            pace.speedUp()
            return
        }
        if failure.error.isUnpublishable, group.isLone {
            try await ticks.park([failure.row.id], reason: failure.error.reason, by: leader)
            parkedKeys.insert(failure.row.event.key)
            try await record(group.rows, sentCount: 0, &course)
            if producer.fatalError != nil { try await renewProducer() }
            return
        }
        let done = group.rows.prefix { $0.id < failure.row.id }
        try await record(done, sentCount: group.sent.count { $0.id < failure.row.id }, &course)
        if failure.error.isUnpublishable { throw Refusal(rowCount: group.sent.count) }
        // Whoever died of a refusal in another partition says so by its own name (`_GAPLESS_GUARANTEE`).
        if producer.fatalError?.name == "_GAPLESS_GUARANTEE" { throw Refusal(rowCount: group.sent.count) }
        throw RelayFailure.producer(failure.error)
    }

    /// Parks those of `rows` that wait behind a parked one, and then moves the outbox on.
    private func record(_ rows: ArraySlice<OutboxRow>, sentCount: Int, _ course: inout Course) async throws {
        guard let last = rows.last else { return }
        let waiting = rows.filter { parkedKeys.contains($0.event.key) }.map(\.id)
        try await ticks.park(waiting, reason: "waits behind an earlier row of its key", by: leader)
        try faults.reach(.beforeRelayAdvanced)
        try await course.advance(last.id)
        try faults.reach(.afterRelayAdvanced)
        course.settled = last.id
        course.count += rows.count
        figures.record(publishedCount: sentCount)
    }

    private func renewProducer() async throws {
        await producer.close(flushLimit: .zero)
        producer = try makeProducer()
        figures.follow(producer)
    }

    // MARK: - Parked keys

    /// Tries the parked rows of `key`, or of every key, again, one by one in the order of ids.
    ///
    /// - Returns: how many were published, and the keys that still wait.
    func unpark(_ key: String?) async throws -> (publishedCount: Int, stillParked: [String]) {
        var count = 0
        var stillParked: [String] = []
        for key in key.map({ [$0] }) ?? parkedKeys.sorted() {
            if try await publishParked(key, &count) {
                parkedKeys.remove(key)
            } else {
                stillParked.append(key)
            }
        }
        return (count, stillParked)
    }

    /// - Returns: false when a row still cannot be published: it and those behind it stay parked.
    private func publishParked(_ key: String, _ count: inout Int) async throws -> Bool {
        while let row = try await ticks.parkedRows(of: key, after: 0, limit: 1).first {
            switch await producer.produce([ProducerRecord(row.event)]).first {
            case .acked:
                try await ticks.unpark(key, through: row.id, by: leader)
                figures.record(publishedCount: 1)
                count += 1
            case .failed(let error) where error.isUnpublishable:
                if producer.fatalError != nil { try await renewProducer() }
                return false
            case .failed(let error): throw RelayFailure.producer(error)
            case nil: throw RelayFailure.producer(nil)
            }
        }
        return true
    }
}

/// Some record of a group can never be published.
private struct Refusal: Error { let rowCount: Int }
