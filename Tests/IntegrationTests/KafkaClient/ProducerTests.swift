import CRdkafka
import TestSupport
import Testing

@testable import KafkaClient

@Suite("both handles tell librdkafka's statistics", .timeLimit(.minutes(1)))
struct StatisticsTests {
    @Test func ofWhatWasSentAndReceived() async throws {
        let cluster = try MockCluster()
        let producer = try cluster.producer(["statistics.interval.ms": "50"])
        #expect(await producer.produce(numbered(0..<100, keys: 5)).areAllAcked)
        try await eventually("the producer's statistics") {
            guard let now = producer.statistics else { return false }
            return now.sentMessageCount == 100 && now.queuedMessageCount == 0
                && now.brokers.values.contains { $0.state == "UP" }
        }
        #expect((producer.statistics?.sentByteCount ?? 0) > 0)
        await producer.close(flushLimit: .seconds(5))
    }
}

@Suite("I15 records of one key keep their order", .timeLimit(.minutes(1)))
struct ProducerOrderTests {
    /// The local queue holds far fewer records than are sent, so nearly every batch has to wait for room.
    @Test func tenThousandRecordsThroughASmallQueue() async throws {
        let cluster = try MockCluster(topics: ["t": 4])
        let producer = try cluster.producer(["queue.buffering.max.messages": "97"])
        let records = numbered(0..<10_000, keys: 50)
        var pending: [PendingDelivery] = []
        for start in stride(from: 0, to: records.count, by: 400) {
            pending.append(await producer.enqueue(Array(records[start..<start + 400])))
        }
        for delivery in pending { #expect(await delivery.reports().areAllAcked) }
        await producer.close(flushLimit: .seconds(5))

        try await expectOrder(cluster, count: 10_000, keys: 50)
    }

    @Test func concurrentSendersKeepTheirOwnOrder() async throws {
        let cluster = try MockCluster(topics: ["t": 4])
        let producer = try cluster.producer(["queue.buffering.max.messages": "31"])
        await withTaskGroup(of: Void.self) { group in
            for sender in 0..<8 {
                group.addTask {
                    for batch in 0..<5 {
                        // Sender s owns the numbers n with n % 8 == s, and with them key s.
                        let numbers = (0..<40).map { (batch * 40 + $0) * 8 + sender }
                        let records = numbers.flatMap { numbered($0..<$0 + 1, keys: 8) }
                        _ = await producer.enqueue(records)
                    }
                }
            }
        }
        await producer.close(flushLimit: .seconds(10))
        try await expectOrder(cluster, count: 1_600, keys: 8)
    }

    /// One request in flight: the mock does not de-duplicate, so with more an injected error could fake an order.
    @Test func injectedErrorsAreRetriedInOrder() async throws {
        let cluster = try MockCluster()
        let producer = try cluster.producer(["max.in.flight": "1", "retry.backoff.ms": "10"])
        cluster.fail(
            .produce,
            with: [
                RD_KAFKA_RESP_ERR_NOT_LEADER_FOR_PARTITION, RD_KAFKA_RESP_ERR_REQUEST_TIMED_OUT,
                RD_KAFKA_RESP_ERR_NOT_ENOUGH_REPLICAS,
            ]
        )
        let reports = await producer.produce(numbered(0..<500, keys: 5))
        #expect(reports.areAllAcked)
        await producer.close(flushLimit: .seconds(5))
        try await expectOrder(cluster, count: 500, keys: 5)
    }

    @Test func aDeadBrokerThatComesBackGetsEverythingInOrder() async throws {
        let cluster = try MockCluster()
        let producer = try cluster.producer([
            "queue.buffering.max.messages": "50", "reconnect.backoff.ms": "20",
            "reconnect.backoff.max.ms": "50",
        ])
        #expect(await producer.produce(numbered(0..<10, keys: 5)).areAllAcked)
        cluster.takeDown()
        let first = await producer.enqueue(numbered(10..<50, keys: 5))
        let second = Task { await producer.enqueue(numbered(50..<300, keys: 5)) }  // finds no room
        cluster.bringUp()
        #expect(await first.reports().areAllAcked)
        #expect(await second.value.reports().areAllAcked)
        await producer.close(flushLimit: .seconds(5))
        try await expectOrder(cluster, count: 300, keys: 5)
    }

    /// Every number is there, and first occurrences ascend within each key.
    private func expectOrder(_ cluster: MockCluster, count: Int, keys: Int) async throws {
        let consumer = try cluster.consumer(group: "order")
        let records = await consumer.read(count)
        await consumer.close()
        #expect(Set(records.map(\.number)) == Set(0..<count))
        var last: [[UInt8]: Int] = [:]
        for record in records {
            let key = try #require(record.key)
            let before = last[key] ?? -1
            #expect(record.number > before, "key \(String(decoding: key, as: UTF8.self))")
            last[key] = record.number
        }
        #expect(last.count == keys)
    }
}

@Suite("I17 every record sent gets one report", .timeLimit(.minutes(1)))
struct ProducerReportTests {
    @Test func keyValueAndHeadersArriveAsSent() async throws {
        let cluster = try MockCluster()
        let producer = try cluster.producer()
        let headers: [(name: String, value: [UInt8])] = [
            ("ce_id", Array("x".utf8)), ("empty", []), ("ce_id", [0, 255]), ("Ünï", [1]),
        ]
        let reports = await producer.produce([
            ProducerRecord(topic: "t", key: [1, 0, 2], value: [0], headers: RecordHeaders(headers)),
            ProducerRecord(topic: "t", key: [], value: []),
        ])
        #expect(reports == [.acked(partition: 0, offset: 0), .acked(partition: 0, offset: 1)])
        await producer.close(flushLimit: .seconds(1))

        let consumer = try cluster.consumer(group: "g")
        let records = await consumer.read(2)
        await consumer.close()
        let full = try #require(records.first)
        #expect(full.key == [1, 0, 2] && full.value == [0] && full.timestampMillis != nil)
        #expect(full.headers.map(\.name) == headers.map(\.name))
        #expect(full.headers.map(\.value) == headers.map(\.value))
        #expect(records.last?.key == [] && records.last?.value == [] && records.last?.headers.isEmpty == true)
    }

    @Test func aRecordThatCanNeverGoIsToldApartAndHoldsUpNobody() async throws {
        let cluster = try MockCluster()
        let producer = try cluster.producer(["message.max.bytes": "2000"])
        let large = ProducerRecord(
            topic: "t",
            key: [1],
            value: Array(repeating: 7, count: 5_000),
            headers: RecordHeaders([("h", [1])])
        )
        let badTopic = ProducerRecord(topic: "t\0x", key: [1], value: [1])
        let reports = await producer.produce([numbered(0..<1)[0], large, badTopic, numbered(1..<2)[0]])
        #expect(reports.map(\.isAcked) == [true, false, false, true])
        #expect(reports[1].error?.isUnpublishable == true)
        #expect(reports[2].error?.isUnpublishable == true)
        await producer.close(flushLimit: .seconds(1))
    }

    @Test func aRecordLargerThanTheQueueDoesNotWaitForEver() async throws {
        let cluster = try MockCluster()
        let producer = try cluster.producer(["queue.buffering.max.kbytes": "1"])
        let large = ProducerRecord(topic: "t", key: [1], value: Array(repeating: 7, count: 5_000))
        let reports = await producer.produce([large] + numbered(0..<3))
        #expect(reports.map(\.isAcked) == [false, true, true, true])
        #expect(reports[0].error?.isUnpublishable == true)
        await producer.close(flushLimit: .seconds(1))
    }

    @Test func closeReportsWhatCouldNotBeDelivered() async throws {
        let cluster = try MockCluster()
        let producer = try cluster.producer(["queue.buffering.max.messages": "20"])
        cluster.takeDown()
        let queued = await producer.enqueue(numbered(0..<10))
        let waiting = Task { await producer.produce(numbered(10..<100)) }
        while !producer.isAnyoneWaiting { await Task.yield() }
        await producer.close(flushLimit: .milliseconds(200))
        await producer.close(flushLimit: .seconds(60))
        let reports = await queued.reports() + waiting.value
        #expect(reports.count == 100)
        #expect(reports.allSatisfy { $0.error != nil })
        #expect(
            await producer.produce(numbered(0..<2)).compactMap(\.error) == [.producerClosed, .producerClosed]
        )
    }

    @Test func closeDeliversWhatItCan() async throws {
        let cluster = try MockCluster()
        let producer = try cluster.producer(["linger.ms": "60000", "queue.buffering.max.messages": "50"])
        // Lingers for a minute unless the close hurries it; the second batch finds no room and waits.
        let queued = await producer.enqueue(numbered(0..<50))
        let waiting = Task { await producer.produce(numbered(50..<200)) }
        while !producer.isAnyoneWaiting { await Task.yield() }
        await producer.close(flushLimit: .seconds(30))
        #expect(await queued.reports().areAllAcked)
        #expect(await waiting.value.areAllAcked)
    }

    @Test func aCancelledSenderTakesBackWhatTheLibraryHasNot() async throws {
        let cluster = try MockCluster()
        let producer = try cluster.producer([
            "queue.buffering.max.messages": "10", "reconnect.backoff.ms": "20",
            "reconnect.backoff.max.ms": "50",
        ])
        cluster.takeDown()
        let sending = Task { await producer.enqueue(numbered(0..<30)) }
        while !producer.isAnyoneWaiting { await Task.yield() }
        sending.cancel()
        let pending = await sending.value
        cluster.bringUp()
        let reports = await pending.reports()
        #expect(reports.count == 30)
        #expect(reports.suffix(20).allSatisfy { $0 == .failed(.sendCancelled) })
        #expect(await producer.produce(numbered(0..<3)).areAllAcked)
        await producer.close(flushLimit: .seconds(1))
    }

    @Test func aFatalErrorFailsEverythingOutstandingAndAllThatFollows() async throws {
        let cluster = try MockCluster()
        let producer = try cluster.producer(["queue.buffering.max.messages": "20"])
        #expect(producer.fatalError == nil)
        cluster.takeDown()
        let queued = await producer.enqueue(numbered(0..<20))
        let waiting = Task { await producer.produce(numbered(20..<60)) }
        while !producer.isAnyoneWaiting { await Task.yield() }
        producer.raiseFatalError()
        let reports = await queued.reports() + waiting.value
        #expect(reports.count == 60 && reports.allSatisfy { $0.error != nil })
        // The library may fail records before the poll thread has seen why: who has a report is told all the same.
        let fatal = try #require(producer.fatalError)
        #expect(fatal.isFatal && fatal.name == "OUT_OF_ORDER_SEQUENCE_NUMBER")
        #expect(await producer.produce(numbered(0..<1)).first?.error?.isFatal == true)
        await producer.close(flushLimit: .seconds(5))

        cluster.bringUp()
        let successor = try cluster.producer()
        #expect(await successor.produce(numbered(0..<60)).areAllAcked)
        await successor.close(flushLimit: .seconds(1))
    }

    @Test func aForgottenProducerLeavesNobodyWaiting() async throws {
        let cluster = try MockCluster()
        cluster.takeDown()
        var producer: KafkaProducer? = try cluster.producer()
        let pending = await producer?.enqueue(numbered(0..<5))
        producer = nil
        #expect(await pending?.reports().allSatisfy { $0.error != nil } == true)
    }
}
