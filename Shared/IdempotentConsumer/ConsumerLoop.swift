public import Determinism
public import FaultPoints
public import IdempotentInbox
public import KafkaClient
public import Logging
public import PostgresClient
public import ServiceLifecycle

/// Reads topics and applies what it reads, exactly once in effect: at least once delivered, fenced and remembered.
///
///     assigned → claim the partition in the database, start at ITS offset
///     records  → transactions of one partition each: inbox, effects, offset; then tell Kafka, as a cache
///     fenced   → another member has it, or the database has forgotten some of it: join anew, claim anew
///     trouble  → pause the partition, back off, read the same records again; the rest goes on
///     revoked  → nothing is in hand between two events: let go at once
///     parked   → tried again when an operator asks for it
public struct ConsumerLoop<Handler: EventHandler>: Service {
    private let consumer: String
    private let topics: [String]
    private let settings: KafkaSettings
    let width: Int
    let applier: BatchApplier<Handler>
    private let replayer: ParkedReplayer<Handler>
    private let pool: PostgresPool
    private let time: any TimeSource
    private let random: any RandomSource
    let faults: any Faults
    let logger: Logger
    public let figures = ConsumerFigures()

    /// - Parameters:
    ///   - consumer: names the inbox, the offsets and the consumer group; must never change.
    ///   - width: how many partitions are worked on at the same time; above 1 only where events of different partitions
    ///     touch no row in common.
    public init(
        consumer: String,
        topics: [String],
        settings: KafkaSettings,
        width: Int = 1,
        handler: Handler,
        pool: PostgresPool,
        time: any TimeSource,
        random: any RandomSource,
        faults: any Faults = NoFaults(),
        logger: Logger
    ) {
        self.consumer = consumer
        self.topics = topics
        self.settings = settings
        self.width = width
        self.applier = BatchApplier(consumer: consumer, handler: handler, pool: pool)
        self.replayer = ParkedReplayer(
            replay: ParkedReplay(consumer: consumer, handler: handler, pool: pool),
            time: time,
            random: random,
            faults: faults,
            logger: logger
        )
        self.pool = pool
        self.time = time
        self.random = random
        self.faults = faults
        self.logger = logger
    }

    public func run() async throws {
        await cancelWhenGracefulShutdown {
            async let replays: Void = replayer.run()
            while !Task.isCancelled {
                await consumeOnce()
                try? await time.sleep(for: .milliseconds(500) + random.jitter(upTo: .milliseconds(500)))
            }
            await replays
        }
    }

    /// One life of a Kafka consumer; returns when it failed for good or the task was cancelled.
    private func consumeOnce() async {
        let kafka: KafkaConsumer
        do {
            kafka = try KafkaConsumer(
                settings,
                topics: topics,
                // What is fetched at once is mostly of one partition: with fewer some would have nothing to do.
                batchLimit: width * Self.transactionLimit,
                logger: logger
            )
        } catch {
            figures.update { $0.lastFailure = "\(error)" }
            logger.error("cannot make a Kafka consumer", metadata: ["error": "\(error)"])
            return
        }
        await withDiscardingTaskGroup { tasks in
            tasks.addTask { await recordProgress(of: kafka) }
            var claims: [TopicPartition: PartitionClaim] = [:]
            events: for await event in kafka {
                switch event {
                case .assigned(let partitions):
                    claims = await claim(partitions, on: kafka)
                case .records(let records):
                    for (partition, outcome) in await apply(records.byPartition, claims, on: kafka) {
                        switch outcome {
                        case .applied: continue
                        case .paused: tasks.addTask { await resume(partition, on: kafka) }
                        case .fenced: break events
                        }
                    }
                case .revoked(_, let acknowledgement):
                    claims = [:]
                    acknowledgement.done()
                case .lost:
                    claims = [:]
                case .failed(let error):
                    report(error)
                    if error.isFatal { break events }
                }
            }
            await kafka.close()
            tasks.cancelAll()
        }
    }

    private func resume(_ partition: TopicPartition, on kafka: KafkaConsumer) async {
        try? await time.sleep(for: .milliseconds(200) + random.jitter(upTo: .seconds(2)))
        kafka.resume([partition])
    }

    /// Also while nothing can be applied: that is when the lag matters.
    private func recordProgress(of kafka: KafkaConsumer) async {
        while (try? await time.sleep(for: .seconds(1))) != nil {
            let known = kafka.progress.compactMap(\.lag)
            let statistics = kafka.statistics
            figures.update {
                $0.lag = known.isEmpty ? nil : known.reduce(0, +)
                $0.kafka = statistics
            }
        }
    }

    /// Takes the partitions over in the database. Waits as long as the database is away: without its offsets
    /// nothing may be read.
    private func claim(
        _ partitions: [TopicPartition],
        on kafka: KafkaConsumer
    ) async -> [TopicPartition: PartitionClaim] {
        var claims: [TopicPartition: PartitionClaim] = [:]
        var offsets: [TopicPartition: Int64?] = [:]
        for partition in partitions {
            while !Task.isCancelled {
                do {
                    let held = try await InboxStore.claim(
                        consumer: consumer,
                        topic: partition.topic,
                        partition: partition.partition,
                        on: pool
                    )
                    claims[partition] = held.claim
                    // Nothing was ever applied from it: its first record, whatever number the broker gives that.
                    offsets[partition] = held.nextOffset == 0 ? Self.beginning : held.nextOffset
                    break
                } catch {
                    figures.update { $0.lastFailure = "\(error)" }
                    try? await time.sleep(for: .milliseconds(200) + random.jitter(upTo: .seconds(1)))
                }
            }
        }
        if claims.count == partitions.count { kafka.assign(offsets) }
        figures.update {
            $0.assignedPartitionCount = claims.count
            $0.stoppedPartitions = []
            $0.failedPartitions = []
        }
        return claims
    }

    /// librdkafka's `RD_KAFKA_OFFSET_BEGINNING`.
    private static var beginning: Int64 { -2 }

    private func report(_ error: KafkaError) {
        figures.update {
            $0.lastFailure = error.message
            if let partition = error.partition { $0.stoppedPartitions.insert(partition) }
        }
        logger.error("Kafka consumer failed", metadata: ["error": "\(error.name): \(error.message)"])
    }
}
