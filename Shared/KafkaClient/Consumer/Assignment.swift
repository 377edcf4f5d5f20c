import CRdkafka

/// The partitions of one consumer and what is going on with them. Belongs to the poll thread.
struct Assignment {
    private struct Place {
        /// The next offset to arrive; nil while only the broker knows (committed offset).
        var position: Int64?
        var stored: Int64?
    }

    private enum Phase {
        case settled
        case offered([TopicPartition], number: Int)
        case revoking(number: Int, MonotonicDeadline)
    }

    private let handle: OpaquePointer
    private var places: [TopicPartition: Place] = [:]
    private var paused: Set<TopicPartition> = []
    /// Seeks of paused partitions: the library forgets a seek made before a resume.
    private var pendingSeeks: [TopicPartition: Int64] = [:]
    private var phase = Phase.settled
    private var lastNumber = 0
    private(set) var isFlowStopped = false

    init(handle: OpaquePointer) { self.handle = handle }

    // MARK: rebalancing

    mutating func offer(_ partitions: [TopicPartition]) -> Int {
        lastNumber += 1
        phase = .offered(partitions, number: lastNumber)
        return lastNumber
    }

    func isOffered(_ number: Int) -> Bool {
        if case .offered(_, number) = phase { true } else { false }
    }

    /// Starts every offered partition; those without an offset at the committed one.
    mutating func accept(_ offsets: [TopicPartition: Int64?]) -> rd_kafka_resp_err_t {
        guard case .offered(let partitions, _) = phase else { return RD_KAFKA_RESP_ERR__STATE }
        phase = .settled
        isFlowStopped = false
        places = [:]
        for partition in partitions {
            let offset = offsets[partition] ?? nil
            places[partition] = Place(position: offset, stored: offset)
        }
        return assignPlaces()
    }

    mutating func beginRevocation() -> Int {
        lastNumber += 1
        phase = .revoking(number: lastNumber, .after(KafkaConsumer.revokeLimit))
        return lastNumber
    }

    func isRevoking(_ number: Int) -> Bool {
        if case .revoking(number, _) = phase { true } else { false }
    }

    var isRevocationOverdue: Bool {
        if case .revoking(_, let deadline) = phase { deadline.hasPassed } else { false }
    }

    /// Gives all partitions back; stored offsets are committed on the way.
    ///
    /// Returns the partitions whose seeks were put off and will not be carried out any more.
    mutating func release() -> [TopicPartition] {
        defer {
            places = [:]
            paused = []
            pendingSeeks = [:]
            phase = .settled
            isFlowStopped = false
        }
        let stopped = isFlowStopped ? Set(places.keys) : paused
        if !stopped.isEmpty {
            _ = TopicPartitionList(stopped).lend { rd_kafka_resume_partitions(handle, $0) }
        }
        rd_kafka_assign(handle, nil)
        return Array(pendingSeeks.keys)
    }

    // MARK: reading

    /// Whether a record that arrived is to be handed on.
    mutating func advance(_ partition: TopicPartition, to offset: Int64) -> Bool {
        if case .revoking = phase { return false }
        guard let place = places.index(forKey: partition) else { return false }
        places.values[place].position = offset == .max ? offset : offset + 1
        return true
    }

    mutating func store(_ partition: TopicPartition, _ offset: Int64) -> rd_kafka_resp_err_t {
        guard places[partition] != nil else { return RD_KAFKA_RESP_ERR__STATE }
        let list = TopicPartitionList(CollectionOfOne((partition, offset)))
        let code = list.lend { rd_kafka_offsets_store(handle, $0) }
        if code == RD_KAFKA_RESP_ERR_NO_ERROR { places[partition]?.stored = offset }
        return list.failures.first?.1 ?? code
    }

    func progress() -> [PartitionProgress] {
        places.map { partition, place in
            var low = Int64(RD_KAFKA_OFFSET_INVALID)
            var high = Int64(RD_KAFKA_OFFSET_INVALID)
            rd_kafka_get_watermark_offsets(handle, partition.topic, partition.partition, &low, &high)
            return PartitionProgress(
                partition: partition,
                position: place.position,
                stored: place.stored,
                low: low < 0 ? nil : low,
                high: high < 0 ? nil : high
            )
        }
    }

    // MARK: pausing and seeking

    /// Returns the partitions that are not ours to pause.
    mutating func pause(_ partitions: [TopicPartition]) -> [TopicPartition] {
        var ours = Set(places.keys)
        if case .offered(let offered, _) = phase { ours = Set(offered) }  // paused when they start
        let new = ours.intersection(partitions).subtracting(paused)
        paused.formUnion(new)
        let running = new.intersection(places.keys)
        if !isFlowStopped, !running.isEmpty {
            _ = TopicPartitionList(running).lend { rd_kafka_pause_partitions(handle, $0) }
        }
        return partitions.filter { !ours.contains($0) }
    }

    /// Returns the seeks that were put off until now and how they ended.
    mutating func resume(_ partitions: [TopicPartition]) -> [(TopicPartition, rd_kafka_resp_err_t)] {
        let old = paused.intersection(partitions)
        paused.subtract(old)
        guard !old.isEmpty, !isFlowStopped else { return [] }
        _ = TopicPartitionList(old).lend { rd_kafka_resume_partitions(handle, $0) }
        return carryOutSeeks(of: old)
    }

    mutating func stopFlow() {
        isFlowStopped = true
        _ = TopicPartitionList(Set(places.keys).subtracting(paused)).lend {
            rd_kafka_pause_partitions(handle, $0)
        }
    }

    mutating func startFlow() -> [(TopicPartition, rd_kafka_resp_err_t)] {
        isFlowStopped = false
        let flowing = Set(places.keys).subtracting(paused)
        _ = TopicPartitionList(flowing).lend { rd_kafka_resume_partitions(handle, $0) }
        return carryOutSeeks(of: flowing)
    }

    /// Nil: put off until the partition is resumed. A partition that has gone is not an error.
    mutating func seek(_ partition: TopicPartition, to offset: Int64) -> rd_kafka_resp_err_t? {
        guard places[partition] != nil else { return RD_KAFKA_RESP_ERR_NO_ERROR }
        if isFlowStopped || paused.contains(partition) {
            pendingSeeks[partition] = offset
            return nil
        }
        return seekNow(partition, offset)
    }

    func isSeekPending(_ partition: TopicPartition) -> Bool { pendingSeeks[partition] != nil }

    private mutating func carryOutSeeks(
        of partitions: Set<TopicPartition>
    ) -> [(TopicPartition, rd_kafka_resp_err_t)] {
        partitions.compactMap { partition in
            pendingSeeks.removeValue(forKey: partition).map { (partition, seekNow(partition, $0)) }
        }
    }

    private mutating func seekNow(_ partition: TopicPartition, _ offset: Int64) -> rd_kafka_resp_err_t {
        places[partition]?.position = offset
        let list = TopicPartitionList(CollectionOfOne((partition, offset)))
        if let error = list.lend({ rd_kafka_seek_partitions(handle, $0, 1_000) }) {
            defer { rd_kafka_error_destroy(error) }
            return rd_kafka_error_code(error)
        }
        guard let code = list.failures.first?.1 else { return RD_KAFKA_RESP_ERR_NO_ERROR }
        // A partition that stopped for want of an offset cannot be sought: start the assignment again.
        return code == RD_KAFKA_RESP_ERR__STATE ? assignPlaces() : code
    }

    private func assignPlaces() -> rd_kafka_resp_err_t {
        let list = TopicPartitionList(
            places.map { ($0.key, $0.value.position ?? Int64(RD_KAFKA_OFFSET_STORED)) }
        )
        let code = list.lend { rd_kafka_assign(handle, $0) }
        if !paused.isEmpty { _ = TopicPartitionList(paused).lend { rd_kafka_pause_partitions(handle, $0) } }
        return code
    }
}
