extension EventBuffer.State {
    /// The first event, counted out.
    mutating func take() -> ConsumerEvent? {
        guard let entry = entries.first else { return nil }
        entries.removeFirst()
        if case .records(let records) = entry.event { load -= records.weight }
        if let assignment = entry.assignment { deliveredAssignment = assignment }
        return entry.event
    }

    /// Joins records that wait to larger batches, up to the limit: who is slow gets fewer, fuller batches.
    mutating func appendRecords(_ records: [ConsumerRecord]) {
        guard !records.isEmpty else { return }
        load += records.weight
        if let last = entries.indices.last, case .records(var joined) = entries[last].event,
            joined.weight + records.weight <= batchLimit
        {
            // Held here alone, it grows in place: records that come one by one are not copied each time.
            entries[last].event = .records([])
            joined += records
            entries[last].event = .records(joined)
        } else {
            entries.append(EventBuffer.Entry(event: .records(records)))
        }
    }

    /// What may be handed out now: without partitions being sought, those paused put aside.
    mutating func sift(_ records: [ConsumerRecord]) -> [ConsumerRecord] {
        records.filter { record in
            let partition = record.topicPartition
            if seeking[partition] != nil { return false }
            if paused.contains(partition) {
                held[partition, default: []].append(record)
                return false
            }
            return true
        }
    }

    /// Applies ``sift(_:)`` to what already waits.
    mutating func resift() {
        let waiting = entries
        entries = []
        load = 0
        for entry in waiting {
            guard case .records(let records) = entry.event else {
                entries.append(entry)
                continue
            }
            let wanted = sift(records)
            load += wanted.weight
            if !wanted.isEmpty { entries.append(EventBuffer.Entry(event: .records(wanted))) }
        }
    }

    func contains(_ error: KafkaError) -> Bool {
        entries.contains { if case .failed(let other) = $0.event { other == error } else { false } }
    }
}

extension [ConsumerRecord] {
    var weight: Int { reduce(0) { $0 + $1.weight } }
}

extension ConsumerRecord {
    /// One, and one more for every 4 KiB: few large records fill the buffer as many small ones do.
    var weight: Int { 1 + (value?.count ?? 0) / 4_096 }
}
