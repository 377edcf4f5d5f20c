/// What to do with each record of a batch. Pure.
struct BatchPlan<Event: Sendable> {
    private(set) var events: [(event: Event, id: String, key: [UInt8]?)] = []
    private(set) var parked: [ParkedRecord] = []
    /// Those of `parked` that only wait behind another, by their place in it.
    private var waiting: [Int: (event: Event, id: String)] = [:]
    private(set) var counts = BatchCounts()

    /// - Parameter parkedKeys: keys that have parked records already; theirs wait behind them.
    init(_ records: [(record: InboundRecord, meaning: Decoded<Event>)], parkedKeys: Set<[UInt8]>) {
        var waitingKeys = parkedKeys
        for (record, meaning) in records {
            switch meaning {
            case .skipped: counts.skipped += 1
            case .unreadable(let reason):
                parked.append(ParkedRecord(record, reason: reason))
                if let key = record.key { waitingKeys.insert(key) }
            case .event(let event, let id):
                if let key = record.key, waitingKeys.contains(key) {
                    waiting[parked.count] = (event, id)
                    parked.append(ParkedRecord(record, reason: "waits behind an earlier record of its key"))
                } else {
                    events.append((event, id, record.key))
                }
            }
        }
        counts.parked = parked.count
        counts.applied = events.count
    }

    var waitingIDs: [String] { Set(waiting.values.map(\.id)).sorted() }

    /// Keeps the first of each event that was not seen before, and what may be repeated.
    mutating func dropRepeats(keeping fresh: Set<String>, isRepeatable: (Event) -> Bool) {
        var remaining = fresh
        let total = events.count
        events = events.filter { remaining.remove($0.id) != nil || isRepeatable($0.event) }
        counts.applied = events.count
        counts.repeated = total - events.count
    }

    /// A copy of what was applied before its key was parked has nothing to wait for.
    mutating func dropWaitingRepeats(_ applied: Set<String>, isRepeatable: (Event) -> Bool) {
        let total = parked.count
        parked = parked.enumerated().filter { index, _ in
            guard let (event, id) = waiting[index] else { return true }
            return !applied.contains(id) || isRepeatable(event)
        }.map(\.element)
        waiting = [:]
        counts.parked = parked.count
        counts.repeated += total - parked.count
    }
}
