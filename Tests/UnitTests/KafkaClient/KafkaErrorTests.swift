import Testing

@testable import KafkaClient

@Suite("I18 a record that can never go is told apart")
struct KafkaErrorTests {
    @Test(arguments: [
        (Int32(10), true),  // MSG_SIZE_TOO_LARGE
        (2, true),  // INVALID_MSG
        (4, true),  // INVALID_MSG_SIZE
        (18, true),  // RECORD_LIST_TOO_LARGE
        (87, true),  // INVALID_RECORD
        (17, true),  // TOPIC_EXCEPTION
        (7, false),  // REQUEST_TIMED_OUT
        (6, false),  // NOT_LEADER_FOR_PARTITION
        (29, false),  // TOPIC_AUTHORIZATION_FAILED: an operator's matter, the record is sound
        (-192, false),  // _MSG_TIMED_OUT
        (-150, false),  // _FATAL
    ])
    func unpublishable(code: Int32, expected: Bool) {
        #expect(KafkaError(code: code, name: "", message: "").isUnpublishable == expected)
    }

    @Test func lagNeverTrapsAndNeverFallsBelowZero() {
        func lag(_ stored: Int64?, _ high: Int64?) -> Int64? {
            let partition = TopicPartition(topic: "t", partition: 0)
            return PartitionProgress(partition: partition, position: nil, stored: stored, low: 0, high: high)
                .lag
        }
        #expect(lag(3, 10) == 7)
        #expect(lag(11, 10) == 0)
        #expect(lag(nil, 10) == nil)
        #expect(lag(3, nil) == nil)
        // Nothing read yet, asked to start at the beginning: everything there is remains.
        #expect(lag(-2, 10) == 10)
        #expect(lag(.min, .max) == .max)
    }
}
