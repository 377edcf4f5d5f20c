import Synchronization
import TestSupport
import Testing

@testable import KafkaClient

@Suite("A consumer whose application is busy waits for it", .timeLimit(.minutes(1)))
struct ConsumerPatienceTests {
    private let zero = TopicPartition(topic: "t", partition: 0)

    /// Whatever the application asks for meanwhile: to stop and start again throws away what was fetched, and costs a second.
    @Test func aFullBufferAloneDoesNotStopTheFlow() async throws {
        let cluster = try MockCluster()
        try await cluster.fill(count: 9_000)
        let consumer = try cluster.consumer(group: "g")
        var offsets = await consumer.read(1).map(\.offset)
        let begin = ContinuousClock.now
        try await eventually("the buffer is full") { consumer.loop.buffer.isFull }
        try await eventually("it was asked for something again and again") {
            consumer.storeOffset(1, for: zero)
            return ContinuousClock.now - begin > .milliseconds(500)
        }
        let stopCount = consumer.loop.flowStopCount.load(ordering: .relaxed)
        // The patience ends after 2 s: on a machine that was held up for so long this proves nothing.
        #expect(stopCount == 0 || ContinuousClock.now - begin > .milliseconds(1_500))
        offsets += await consumer.read(9_000 - offsets.count).map(\.offset)
        #expect(offsets == Array(0..<9_000))
        await consumer.close()
    }
}
