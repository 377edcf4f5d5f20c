extension TestStack {
    /// Waits until nothing is under way any more: no open upload, saga, unpublished event or unread record.
    ///
    /// - Throws: what is still under way, when that lasts.
    @discardableResult
    public func becomesQuiet(within limit: Duration = .seconds(60)) async throws -> Evidence {
        var last = Evidence()
        do {
            try await eventually(within: limit, "the stack is quiet") {
                last = try await lightEvidence()
                return last.unrest.isEmpty
            }
        } catch {
            throw StackFailure("\(error); still under way: \(last.unrest.prefix(20).joined(separator: "; "))")
        }
        return last
    }

    /// Waits until the stack is quiet, then looks at everything.
    public func violations(within limit: Duration = .seconds(60)) async throws -> [Violation] {
        try await becomesQuiet(within: limit)
        return try await evidence().violations
    }
}

extension Evidence {
    /// What is still under way, one sentence each.
    public var unrest: [String] {
        rowUnrest + sagaUnrest + topicUnrest
            + consumerUnrest("indexer", filesConsumer, records)
            + consumerUnrest("upload service", indexConsumer, indexRecords)
    }

    private var rowUnrest: [String] {
        uploads.filter { $0.isOpen || $0.isDoomed && $0.state != "REAPED" }
            .map { "upload \($0.id) of file \($0.fileID) is \($0.state)" }
            + files.filter { $0.state == "PURGING" }.map { "file \($0.id) is PURGING" }
            + files.filter { $0.state == "AVAILABLE" && $0.indexState == "PENDING" }
            .map { "file \($0.id) is not indexed" }
    }

    /// A file in the trash has a saga that sleeps until the file's time there is over; one that sleeps longer waits for something,
    /// after a start of the database for the watch over its clock.
    private var sagaUnrest: [String] {
        let inTrash = Set(files.filter { $0.state == "DELETED" && !$0.isToBePurged }.map(\.id))
        return sagas.filter { !($0.kind == "delete.v1" && $0.isAsleep && inTrash.contains($0.subject)) }
            .map { "saga \($0.kind) of \($0.subject), last failure: \($0.lastFailure ?? "none")" }
    }

    private var topicUnrest: [String] {
        var highest: [String: Int64] = [:]
        for record in records { highest[record.key] = max(highest[record.key] ?? 0, record.version) }
        return files.filter { highest[$0.id] ?? 0 < $0.version }
            .map { "version \($0.version) of file \($0.id) is not on the topic" }
            + uploads.filter { $0.isDoomed && highest[$0.fileID] == nil }
            .map { "the discard of upload \($0.id) is not on the topic" }
    }

    private func consumerUnrest(
        _ name: String,
        _ consumer: ConsumerEvidence,
        _ records: [TopicRecord]
    ) -> [String] {
        let ends = Self.ends(of: records)
        return ends.compactMap { partition, end in
            let next = consumer.positions.first {
                $0.topic == records.first?.topic && $0.partition == partition
            }
            return next?.nextOffset ?? 0 < end
                ? "the \(name) is at \(next?.nextOffset ?? 0) of \(end) in partition \(partition)" : nil
        }
    }

    /// One past the last offset, by partition.
    static func ends(of records: [TopicRecord]) -> [Int: Int64] {
        var ends: [Int: Int64] = [:]
        for record in records { ends[record.partition] = max(ends[record.partition] ?? 0, record.offset + 1) }
        return ends
    }
}
