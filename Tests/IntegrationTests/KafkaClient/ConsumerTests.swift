import Testing

@testable import KafkaClient

@Suite("I27 no offset is ever reset silently", .timeLimit(.minutes(1)))
struct ConsumerOffsetTests {
    private let zero = TopicPartition(topic: "t", partition: 0)

    @Test func startsWhereTheApplicationSays() async throws {
        let cluster = try MockCluster()
        try await cluster.fill(count: 20)
        let consumer = try cluster.consumer(group: "g")
        #expect(await consumer.read(15, from: 5).map(\.offset) == Array(5..<20))
        await consumer.close()
    }

    @Test func withoutAnyOffsetItFailsAndASeekStartsIt() async throws {
        let cluster = try MockCluster(topics: ["t": 2])
        try await cluster.fill(count: 40, keys: 20)
        let consumer = try cluster.consumer(group: "g")
        let other = TopicPartition(topic: "t", partition: 1)
        var failures: [KafkaError] = []
        var numbers: [Int] = []
        for await event in consumer {
            switch event {
            case .assigned: consumer.assign([zero: nil, other: 0])
            case .failed(let error):
                failures.append(error)
                consumer.seek(zero, to: 0)
            case .records(let records):
                // Not a record of the partition without an offset before somebody decided.
                #expect(!failures.isEmpty || records.allSatisfy { $0.partition == 1 })
                numbers += records.map(\.number)
            case .revoked, .lost: Issue.record("unexpected")
            }
            if numbers.count == 40 { break }
        }
        // A broker that is slow to say so may first be reported as such.
        #expect(failures.contains { $0.name == "_AUTO_OFFSET_RESET" })
        #expect(failures.allSatisfy { $0.partition == zero })
        #expect(Set(numbers) == Set(0..<40))
        await consumer.close()
    }

    @Test func storedOffsetsAreCommittedOnClose() async throws {
        let cluster = try MockCluster()
        try await cluster.fill(count: 20)
        let first = try cluster.consumer(group: "g", ["auto.commit.interval.ms": "3600000"])
        #expect(await first.read(20).count == 20)
        first.storeOffset(7, for: zero)
        await first.close()
        await first.close()
        for await _ in first { Issue.record("an event after close") }

        let second = try cluster.consumer(group: "g")
        #expect(await second.read(13, from: nil).map(\.offset) == Array(7..<20))
        await second.close()
    }

    @Test func lagFollowsStoredOffsets() async throws {
        let cluster = try MockCluster()
        try await cluster.fill(count: 20)
        let consumer = try cluster.consumer(group: "g")
        _ = await consumer.read(20)
        consumer.storeOffset(8, for: zero)
        while consumer.progress.first?.lag != 12 { await Task.yield() }
        #expect(consumer.progress.first?.position == 20)
        await consumer.close()
        #expect(consumer.progress.isEmpty)
    }
}

@Suite("I24 pausing, seeking and a slow application lose nothing", .timeLimit(.minutes(2)))
struct ConsumerFlowTests {
    private let zero = TopicPartition(topic: "t", partition: 0)

    @Test func aPausedPartitionStandsStillAndThenGoesOn() async throws {
        let cluster = try MockCluster(topics: ["t": 2])
        try await cluster.fill(count: 2_000, keys: 100)
        let consumer = try cluster.consumer(group: "g")
        var offsets: [Int32: [Int64]] = [0: [], 1: []]
        var isPaused = false
        for await event in consumer {
            if case .assigned(let partitions) = event {
                consumer.assign(Dictionary(uniqueKeysWithValues: partitions.map { ($0, 0) }))
            }
            guard case .records(let records) = event else { continue }
            #expect(!isPaused || records.allSatisfy { $0.partition == 1 })
            for record in records { offsets[record.partition, default: []].append(record.offset) }
            if !isPaused, offsets[0]?.isEmpty == false {
                consumer.pause([zero])
                isPaused = true
            }
            if isPaused, offsets[1]?.count ?? 0 > 700 { break }
        }
        consumer.resume([zero])
        let rest = await consumer.read(2_000 - offsets.values.map(\.count).reduce(0, +))
        for record in rest { offsets[record.partition, default: []].append(record.offset) }
        for (_, offsets) in offsets { #expect(offsets == Array(0..<Int64(offsets.count))) }
        #expect(offsets.values.map(\.count).reduce(0, +) == 2_000)
        await consumer.close()
    }

    @Test func aSeekReplaysFromExactlyThere() async throws {
        let cluster = try MockCluster()
        try await cluster.fill(count: 1_000)
        let consumer = try cluster.consumer(group: "g")
        let first = await consumer.read(1)
        #expect(first.first?.offset == 0)
        consumer.seek(zero, to: 300)
        #expect(await consumer.read(700).map(\.offset) == Array(300..<1_000))
        consumer.pause([zero])
        consumer.seek(zero, to: 100)
        consumer.seek(zero, to: 990)
        consumer.resume([zero])
        #expect(await consumer.read(10).map(\.offset) == Array(990..<1_000))
        await consumer.close()
    }

    /// Far more records wait than the buffer takes, and the application stays away for longer than
    /// max.poll.interval.ms: a consumer that stopped polling would be thrown out of the group.
    @Test func aSlowApplicationStaysInTheGroup() async throws {
        let cluster = try MockCluster()
        try await cluster.fill(count: 9_000)
        let consumer = try cluster.consumer(group: "g", ["max.poll.interval.ms": "6000"])
        var offsets = await consumer.read(1).map(\.offset)
        try await Task.sleep(for: .seconds(8))  // being away is what is tested
        for await event in consumer {
            guard case .records(let records) = event else {
                Issue.record("\(event)")
                break
            }
            offsets += records.map(\.offset)
            if offsets.count >= 9_000 { break }
        }
        #expect(offsets == Array(0..<9_000))
        await consumer.close()
    }
}
