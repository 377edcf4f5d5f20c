/// One `enqueue` on its way into librdkafka's queue.
///
/// `@unchecked Sendable`: what varies is touched only under the lock of ``ProducerQueue``; `records` and `batch`
/// never change.
final class Submission: @unchecked Sendable {
    let records: [ProducerRecord]
    let batch: DeliveryBatch
    /// The first record the library has not been offered, or had no room for.
    var next = 0
    var isCancelled = false
    /// Who waits for room. Resumed once, when nothing of the batch is left to hand over.
    var continuation: CheckedContinuation<Void, Never>?

    init(_ records: [ProducerRecord]) {
        self.records = records
        batch = DeliveryBatch(count: records.count)
    }

    var isHandedOver: Bool { next >= records.count }

    func failRest(_ error: KafkaError) {
        while next < records.count {
            batch.fail(next, error)
            next += 1
        }
    }
}
