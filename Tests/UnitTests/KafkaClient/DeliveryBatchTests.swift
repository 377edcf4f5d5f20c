import Testing

@testable import KafkaClient

@Suite("Every waiter of a delivery is answered once")
struct DeliveryBatchTests {
    private let failure = KafkaError(code: 1, name: "N", message: "m")

    @Test func anEmptyBatchIsFinished() async {
        #expect(await DeliveryBatch(count: 0).reports().isEmpty)
    }

    @Test func answersAfterTheLastRecordAndAgainWhenAskedAgain() async {
        let batch = DeliveryBatch(count: 2)
        async let first = batch.reports()
        async let second = batch.reports()
        batch.fail(1, failure)
        batch.fail(0, .waitCancelled)
        let expected: [DeliveryReport] = [.failed(.waitCancelled), .failed(failure)]
        #expect(await first == expected)
        #expect(await second == expected)
        #expect(await batch.reports() == expected)
    }

    @Test func aCancelledWaitEndsAndTheDeliveryGoesOn() async {
        let batch = DeliveryBatch(count: 1)
        let waiting = Task { await batch.reports() }
        waiting.cancel()
        #expect(await waiting.value == [.failed(.waitCancelled)])
        batch.fail(0, failure)
        #expect(await batch.reports() == [.failed(failure)])
    }
}
