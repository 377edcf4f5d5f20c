import CRdkafka
public import Logging

/// Publishes records and tells how each one ended.
///
/// One poll thread per producer. Records handed over by one task keep their order per key, also when the local
/// queue is full and across retries (idempotent producer). Settings default to what the outbox relay needs:
/// acknowledged by all replicas, never dropped for being late.
public final class KafkaProducer: Sendable {
    private let loop: ProducerLoop

    /// Does not connect: an unreachable broker shows in reports that do not come.
    ///
    /// - Throws: a setting librdkafka does not accept, or no thread to be had.
    public init(_ settings: KafkaSettings, logger: Logger) throws(KafkaError) {
        let configuration = try Configuration(settings.checkedForProducer())
        configuration.reportDeliveries { _, message, _ in
            // On the poll thread: completing a batch only resumes a continuation.
            guard let message, let opaque = message.pointee._private else { return }
            DeliveryBatch.complete(opaque, with: message.pointee)
        }
        let context = HandleContext(logger: logger)
        let loop = ProducerLoop(
            handle: try configuration.makeHandle(RD_KAFKA_PRODUCER, context: context),
            context: context
        )
        do { try PollThread.start { loop.run() } } catch {
            loop.destroy()
            throw error
        }
        self.loop = loop
    }

    /// Whoever forgets to close loses what is not yet delivered, but leaks no thread.
    deinit { loop.requestClose(flushLimit: .zero) }

    /// Set once the handle is of no further use: close this producer, make another, and go on from the last
    /// acknowledged record. Every record not yet acknowledged is reported as failed; some may be stored.
    public var fatalError: KafkaError? { loop.fatalError }

    /// Nil before the first interval is over.
    public var statistics: KafkaStatistics? { loop.context.statistics }

    /// Hands `records` over in order and returns when librdkafka has them all; their delivery goes on.
    ///
    /// Waits, without holding a thread, while the local queue is full; calls are served in the order they came.
    /// A record that is refused at once (see ``KafkaError/isUnpublishable``) does not hold up those after it.
    /// When the task is cancelled the records not handed over yet are reported as failed and are not sent.
    public func enqueue(_ records: [ProducerRecord]) async -> PendingDelivery {
        PendingDelivery(batch: await loop.queue.submit(records))
    }

    /// ``enqueue(_:)`` and then every report, one per record in the same order.
    public func produce(_ records: [ProducerRecord]) async -> [DeliveryReport] {
        await enqueue(records).reports()
    }

    /// Takes no more records, delivers what it can within `flushLimit`, reports the rest as failed (they may be
    /// stored nevertheless) and frees the handle. May be called again; every call returns when all is done.
    public func close(flushLimit: Duration) async {
        loop.requestClose(flushLimit: flushLimit)
        await loop.waitUntilClosed()
    }

    /// Whether an `enqueue` waits for room in the local queue.
    var isAnyoneWaiting: Bool { loop.queue.isAnyoneWaiting }

    #if DEBUG
        func raiseFatalError() { loop.raiseFatalError() }
    #endif
}

/// Records on their way to the broker.
public struct PendingDelivery: Sendable {
    let batch: DeliveryBatch

    /// One report per record, in the order of the records. Returns when the last is known; may be called again.
    ///
    /// When the task is cancelled it returns at once with every record as failed (`_INTR`): the outcome is not
    /// known then, and the records are still on their way.
    public func reports() async -> [DeliveryReport] { await batch.reports() }
}
