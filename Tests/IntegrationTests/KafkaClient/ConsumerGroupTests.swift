import CRdkafka
import Synchronization
import TestSupport
import Testing

@testable import KafkaClient

@Suite("Rebalances wait for the application, within limits", .timeLimit(.minutes(2)))
struct ConsumerGroupTests {
    /// Offsets come from outside, as from the application's database: the mock refuses commits while it
    /// rebalances, so what is stored at a revocation does not reach it.
    @Test func aSecondMemberGetsWhatTheFirstAcknowledged() async throws {
        let cluster = try MockCluster(topics: ["t": 2])
        try await cluster.fill(count: 100, keys: 20)
        let first = try cluster.consumer(group: "g")
        let read = await first.read(100)
        let finished = Dictionary(grouping: read, by: \.topicPartition).mapValues { Int64($0.count) }
        let members = [first, try cluster.consumer(group: "g")]
        let group = Group(finished)
        let loops = members.enumerated().map { number, member in
            Task { await group.follow(member, number) }
        }
        // It may take more than one rebalance.
        try await eventually("each has one partition") { group.isShared }

        try await cluster.fill(count: 100, keys: 20)
        try await eventually("both are read") { group.firstOffsets.count == 2 }
        #expect(group.firstOffsets == finished)
        for member in members { await member.close() }
        for loop in loops { await loop.value }
    }

    /// The members of a group, and what they are told.
    private final class Group: Sendable {
        private struct State {
            var shares: [Int: [TopicPartition]] = [:]
            var firstOffsets: [TopicPartition: Int64] = [:]
        }

        private let finished: [TopicPartition: Int64]
        private let state = Mutex(State())

        init(_ finished: [TopicPartition: Int64]) { self.finished = finished }

        var firstOffsets: [TopicPartition: Int64] { state.withLock(\.firstOffsets) }
        var isShared: Bool {
            let shares = state.withLock { Array($0.shares.values) }
            return shares.map(\.count) == [1, 1] && Set(shares.joined()) == Set(finished.keys)
        }

        /// Until the consumer is closed.
        func follow(_ consumer: KafkaConsumer, _ number: Int) async {
            for await event in consumer {
                switch event {
                case .assigned(let partitions):
                    state.withLock { $0.shares[number] = partitions }
                    consumer.assign(finished.mapValues(Optional.some))
                case .revoked(_, let acknowledgement):
                    state.withLock { $0.shares[number] = nil }
                    acknowledgement.done()
                    acknowledgement.done()  // changes nothing
                case .lost: state.withLock { $0.shares[number] = nil }
                case .records(let records):
                    state.withLock { state in
                        for record in records where state.firstOffsets[record.topicPartition] == nil {
                            state.firstOffsets[record.topicPartition] = record.offset
                        }
                    }
                case .failed(let error): Issue.record("\(error)")
                }
            }
        }
    }

    private func share(of consumer: KafkaConsumer) async -> [TopicPartition] {
        for await event in consumer {
            guard case .assigned(let partitions) = event else { continue }
            consumer.assign([:])
            return partitions
        }
        return []
    }

    @Test func anUnansweredRevocationIsGrantedAfterTheLimit() async throws {
        let cluster = try MockCluster(topics: ["t": 2])
        let first = try cluster.consumer(group: "g")
        _ = await share(of: first)
        let second = try cluster.consumer(group: "g")
        let begin = ContinuousClock.now
        #expect(await share(of: second).count == 1)
        #expect(ContinuousClock.now - begin > KafkaConsumer.revokeLimit - .seconds(1))
        await first.close()
        await second.close()
    }

    @Test func aLateAnswerToAnOldAssignmentChangesNothing() async throws {
        let cluster = try MockCluster()
        try await cluster.fill(count: 10)
        let consumer = try cluster.consumer(group: "g")
        consumer.assign([TopicPartition(topic: "t", partition: 0): 5])  // nothing is assigned yet
        #expect(await consumer.read(10, from: 0).map(\.offset) == Array(0..<10))
        consumer.assign([TopicPartition(topic: "t", partition: 0): 5])  // answered already
        try await cluster.fill(count: 1)
        #expect(await consumer.read(1).map(\.offset) == [10])
        await consumer.close()
    }

    @Test func aMemberThrownOutIsToldThatItLostItsPartitions() async throws {
        let cluster = try MockCluster()
        try await cluster.fill(count: 10)
        let consumer = try cluster.consumer(group: "g")
        _ = await consumer.read(10)
        cluster.fail(.heartbeat, with: [RD_KAFKA_RESP_ERR_UNKNOWN_MEMBER_ID])
        var lost: [TopicPartition] = []
        for await event in consumer {
            if case .lost(let partitions) = event {
                lost = partitions
                break
            }
        }
        #expect(lost == [TopicPartition(topic: "t", partition: 0)])
        #expect(await consumer.read(10, from: 0).map(\.offset) == Array(0..<10))  // back in the group
        await consumer.close()
    }

    @Test func closingWithAnUnansweredAssignmentEnds() async throws {
        let cluster = try MockCluster()
        let consumer = try cluster.consumer(group: "g")
        for await event in consumer { if case .assigned = event { break } }
        await consumer.close()
        let next = try cluster.consumer(group: "g")
        #expect(await share(of: next).count == 1)
        await next.close()
    }

    @Test func closingWithoutABrokerEnds() async throws {
        let cluster = try MockCluster()
        let consumer = try cluster.consumer(group: "g")
        _ = await share(of: consumer)
        cluster.takeDown()
        await consumer.close()
    }
}
