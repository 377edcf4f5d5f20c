import FaultPoints
import IdempotentInbox
import KafkaClient
import Logging

extension ConsumerLoop {
    enum Outcome {
        case applied
        /// Nothing could be written; the partition stands still for a moment, then the same records come again.
        case paused
        /// Another member has the partition, an operator has reset it, or the database has forgotten how far it was. Nothing of it may be stored.
        case fenced
    }

    /// Records of one transaction: one that fails is made again record by record.
    static var transactionLimit: Int { 1_000 }

    /// Partitions side by side, each in transactions of its own. Returns when all are done.
    func apply(
        _ batches: [(partition: TopicPartition, records: [ConsumerRecord])],
        _ claims: [TopicPartition: PartitionClaim],
        on kafka: KafkaConsumer
    ) async -> [(TopicPartition, Outcome)] {
        await withTaskGroup(of: (TopicPartition, Outcome).self) { group in
            var outcomes: [(TopicPartition, Outcome)] = []
            for (index, batch) in batches.enumerated() {
                if index >= width, let outcome = await group.next() { outcomes.append(outcome) }
                guard let claim = claims[batch.partition] else { continue }
                group.addTask { (batch.partition, await applyInTurn(batch.records, claim, on: kafka)) }
            }
            for await outcome in group { outcomes.append(outcome) }
            return outcomes
        }
    }

    private func applyInTurn(
        _ records: [ConsumerRecord],
        _ claim: PartitionClaim,
        on kafka: KafkaConsumer
    ) async -> Outcome {
        for start in stride(from: 0, to: records.count, by: Self.transactionLimit) {
            let outcome = await apply(
                records.dropFirst(start).prefix(Self.transactionLimit),
                claim,
                on: kafka
            )
            guard case .applied = outcome else { return outcome }
        }
        return .applied
    }

    private func apply(
        _ records: ArraySlice<ConsumerRecord>,
        _ claim: PartitionClaim,
        on kafka: KafkaConsumer
    ) async -> Outcome {
        guard let first = records.first, let last = records.last else { return .applied }
        let partition = first.topicPartition
        do {
            try faults.reach(.beforeBatchDecoded)
            let inbound = records.map(InboundRecord.init)
            try faults.reach(.afterBatchDecoded)
            try faults.reach(.beforeBatchCommitted)
            let counts = try await applier.apply(inbound, claim)
            try faults.reach(.afterBatchCommitted)
            figures.applied(counts, of: partition)
            if counts.parked > 0 {
                logger.error(
                    "records parked",
                    metadata: ["partition": "\(partition)", "count": "\(counts.parked)"]
                )
            }
            try faults.reach(.beforeOffsetStored)
            kafka.storeOffset(last.offset + 1, for: partition)
            try faults.reach(.afterOffsetStored)
            return .applied
        } catch InboxFailure.fenced {
            // Joining the group anew ends with the truth, whichever it was.
            logger.info("partition given up, to be claimed anew", metadata: ["partition": "\(partition)"])
            return .fenced
        } catch {
            figures.failed(partition, "\(error)")
            logger.warning(
                "partition paused, records will be read again",
                metadata: ["partition": "\(partition)", "offset": "\(first.offset)", "error": "\(error)"]
            )
            kafka.pause([partition])
            kafka.seek(partition, to: first.offset)
            return .paused
        }
    }
}
