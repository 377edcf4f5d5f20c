import IdempotentInbox
import KafkaClient

extension [ConsumerRecord] {
    /// In the order of each partition's first record.
    var byPartition: [(partition: TopicPartition, records: [ConsumerRecord])] {
        var places: [TopicPartition: Int] = [:]
        var batches: [(partition: TopicPartition, records: [ConsumerRecord])] = []
        for run in runs {
            let partition = self[run.lowerBound].topicPartition
            if let place = places[partition] {
                batches[place].records += self[run]
            } else {
                places[partition] = batches.count
                batches.append((partition, Array(self[run])))
            }
        }
        return batches
    }

    /// Neighbours of one partition: what was fetched together comes together.
    private var runs: [Range<Int>] {
        var runs: [Range<Int>] = []
        var start = startIndex
        for index in indices where index > start {
            let (first, next) = (self[start], self[index])
            if first.partition == next.partition, first.topic == next.topic { continue }
            runs.append(start..<index)
            start = index
        }
        return isEmpty ? [] : runs + [start..<endIndex]
    }
}

extension InboundRecord {
    init(_ record: ConsumerRecord) {
        self.init(
            topic: record.topic,
            partition: record.partition,
            offset: record.offset,
            key: record.key,
            value: record.value,
            headers: record.headers
        )
    }
}
