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
    let ticks: TickStore
    private let makeProducer: @Sendable () throws(KafkaError) -> KafkaProducer
    var producer: KafkaProducer
    let leader: TickLeader
    private let faults: any Faults
    let figures: RelayFigures
    private let limits: PageLimits
    private let cut: Cut
    private var pace: Pace
    var parkedKeys: Set<String>

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

    /// Publishes what is left of a tick, and ends it. While a page is handed over and the last one's acknowledgements are
    /// awaited, the next page is read.
    ///
    /// - Parameter mustStop: asked before more is handed over; what is under way is awaited all the same.
    /// - Returns: where the tick's end is and how many rows it had, or nil when it stopped before.
    func publish(_ position: TickPosition, until mustStop: @escaping @Sendable () -> Bool) async throws
        -> (end: TickPosition, rowCount: Int)?
    {
        var course = Course(settled: position.lastID) { [ticks, limits] id in
            try await ticks.page(of: position, after: id, limits: limits)
        } advance: { [ticks] id in
            try await ticks.advance(position, to: id)
        }
        guard try await follow(&course, until: mustStop) else { return nil }
        return (try await noting { [ticks] in try await ticks.end(position) }, course.count)
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
        let read: @Sendable (Int64) async throws -> [OutboxRow]
        let advance: @Sendable (Int64) async throws -> Void
    }

    private struct Group {
        let rows: ArraySlice<OutboxRow>
        /// Those of `rows` that were handed to the producer; the others wait behind a parked row of their key.
        let sent: ArraySlice<OutboxRow>
        let delivery: PendingDelivery
        /// Nothing else is under way, and only one record is in it: a refusal can only be meant for that one.
        let isLone: Bool
        /// Nothing comes after it: what follows moves the outbox on behind it.
        let isLast: Bool
    }

    /// - Returns: whether everything there is was published; false when it stopped before.
    private func follow(_ course: inout Course, until mustStop: @Sendable () -> Bool) async throws -> Bool {
        while true {
            do {
                return try await hurry(along: &course, until: mustStop)
            } catch let refusal as Refusal {
                // What was sent after the refused row does not count: start over behind what is settled.
                pace.slowDown(after: refusal.rowCount)
                try await renewProducer()
            }
        }
    }

    private func hurry(along course: inout Course, until mustStop: @Sendable () -> Bool) async throws -> Bool
    {
        let read = course.read
        var underWay: Group?
        var page = try await read(course.settled)
        while let last = page.last?.id, !mustStop() {
            let isMore = limits.areReached(by: page)
            async let next = isMore ? read(last) : []
            var rest = page[...]
            while !rest.isEmpty, !mustStop() {
                try await send(from: &rest, isLastPage: !isMore, behind: &underWay, &course)
            }
            guard rest.isEmpty else { break }
            page = try await next
        }
        if let last = underWay.take() { try await settle(last, &course) }
        return page.isEmpty
    }

    /// Hands the next of `rows` over, and awaits the acknowledgements of those before them.
    private func send(
        from rows: inout ArraySlice<OutboxRow>,
        isLastPage: Bool,
        behind underWay: inout Group?,
        _ course: inout Course
    ) async throws {
        let isAlone = !pace.isFull || rows.first.map(cut.mayBeRefused) ?? false
        if isAlone, let last = underWay.take() { try await settle(last, &course) }
        let cutOff = cut.next(of: rows, limit: pace.rowLimit)
        rows = rows.dropFirst(cutOff.count)
        let next = try await handOver(cutOff, isAlone: isAlone, isLast: isLastPage && rows.isEmpty)
        if let last = underWay.take() { try await settle(last, &course) }
        if isAlone { try await settle(next, &course) } else { underWay = next }
    }

    private func handOver(_ rows: ArraySlice<OutboxRow>, isAlone: Bool, isLast: Bool) async throws -> Group {
        try faults.reach(.beforePageProduced)
        let sent = parkedKeys.isEmpty ? rows : rows.filter { !parkedKeys.contains($0.key) }[...]
        let delivery = await producer.enqueue(sent.map { ProducerRecord($0) })
        try faults.reach(.afterPageProduced)
        return Group(
            rows: rows,
            sent: sent,
            delivery: delivery,
            isLone: isAlone && sent.count == 1,
            isLast: isLast
        )
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
            try await record(group.rows, sentCount: group.sent.count, isLast: group.isLast, &course)
            pace.speedUp()
            return
        }
        if failure.error.isUnpublishable, group.isLone {
            try await ticks.park([failure.row.id], reason: failure.error.reason, by: leader)
            parkedKeys.insert(failure.row.key)
            try await record(group.rows, sentCount: 0, isLast: group.isLast, &course)
            if producer.fatalError != nil { try await renewProducer() }
            return
        }
        let done = group.rows.prefix { $0.id < failure.row.id }
        let doneCount = group.sent.count { $0.id < failure.row.id }
        try await record(done, sentCount: doneCount, isLast: false, &course)
        if failure.error.isUnpublishable { throw Refusal(rowCount: group.sent.count) }
        // Whoever died of a refusal in another partition says so by its own name (`_GAPLESS_GUARANTEE`).
        if producer.fatalError?.name == "_GAPLESS_GUARANTEE" { throw Refusal(rowCount: group.sent.count) }
        throw RelayFailure.producer(failure.error)
    }

    /// Parks those of `rows` that wait behind a parked one, and then moves the outbox on.
    private func record(
        _ rows: ArraySlice<OutboxRow>,
        sentCount: Int,
        isLast: Bool,
        _ course: inout Course
    ) async throws {
        guard let last = rows.last else { return }
        if !parkedKeys.isEmpty {
            let waiting = rows.filter { parkedKeys.contains($0.key) }.map(\.id)
            try await ticks.park(waiting, reason: "waits behind an earlier row of its key", by: leader)
        }
        let advance = course.advance
        if !isLast { try await noting { try await advance(last.id) } }
        course.settled = last.id
        course.count += rows.count
        figures.record(publishedCount: sentCount)
    }

    private func noting<Value>(_ write: () async throws -> Value) async throws -> Value {
        try faults.reach(.beforeRelayAdvanced)
        let value = try await write()
        try faults.reach(.afterRelayAdvanced)
        return value
    }

    func renewProducer() async throws {
        await producer.close(flushLimit: .zero)
        producer = try makeProducer()
        figures.follow(producer)
    }
}

/// Some record of a group can never be published.
private struct Refusal: Error { let rowCount: Int }
