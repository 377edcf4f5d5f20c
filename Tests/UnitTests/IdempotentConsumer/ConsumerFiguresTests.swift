import IdempotentInbox
import KafkaClient
import Testing

@testable import IdempotentConsumer

@Suite struct ConsumerFiguresTests {
    private let one = TopicPartition(topic: "t", partition: 0)
    private let other = TopicPartition(topic: "t", partition: 1)

    @Test func onePartitionsTroubleStaysSaidWhileAnotherComesOn() throws {
        let figures = ConsumerFigures()
        figures.failed(one, "the database is away")
        figures.applied(BatchCounts(), of: other)
        #expect(throws: ConsumerTrouble.self) { try figures.check() }
        #expect(figures.snapshot.lastFailure == "the database is away")
        figures.applied(BatchCounts(), of: one)
        try figures.check()
        #expect(figures.snapshot.failedPartitions.isEmpty)
    }
}
