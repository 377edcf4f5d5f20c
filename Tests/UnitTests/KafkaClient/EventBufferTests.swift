import Testing

@testable import KafkaClient

@Suite("What was read ahead obeys pause and seek")
struct EventBufferTests {
    private let buffer = EventBuffer(batchLimit: 1_000)
    private let first = TopicPartition(topic: "t", partition: 0)
    private let second = TopicPartition(topic: "t", partition: 1)

    private func record(_ partition: TopicPartition, _ offset: Int64) -> ConsumerRecord {
        ConsumerRecord(
            topic: partition.topic,
            partition: partition.partition,
            offset: offset,
            key: nil,
            value: nil
        )
    }

    private func nextRecords() async -> [String] {
        guard case .records(let records) = await buffer.next() else { return [] }
        return records.map { "\($0.partition):\($0.offset)" }
    }

    @Test func joinsSmallBatches() async {
        buffer.append([record(first, 0)])
        buffer.append([record(first, 1)])
        #expect(await nextRecords() == ["0:0", "0:1"])
    }

    @Test func aPausedPartitionIsHeldBackAndComesWholeWhenResumed() async {
        buffer.append([record(first, 0), record(second, 0)])
        buffer.pause([first])
        buffer.append([record(first, 1), record(second, 1)])
        #expect(await nextRecords() == ["1:0", "1:1"])
        buffer.resume([first])
        #expect(await nextRecords() == ["0:0", "0:1"])
    }

    @Test func heldRecordsDoNotFillTheBuffer() async {
        buffer.append((0..<Int64(buffer.loadLimit)).map { record(first, $0) })
        #expect(buffer.isFull)
        buffer.pause([first])
        #expect(!buffer.isFull)
        buffer.resume([first])
        #expect(buffer.isFull)
    }

    @Test func largeRecordsFillItSooner() async {
        let large = [UInt8](repeating: 0, count: 512 * 1_024)
        for offset in 0..<Int64(buffer.loadLimit / 129 + 1) {
            #expect(!buffer.isFull)
            buffer.append([
                ConsumerRecord(topic: "t", partition: 0, offset: offset, key: nil, value: large)
            ])
        }
        #expect(buffer.isFull)
        // They come in small batches, too.
        #expect(await nextRecords().count == buffer.batchLimit / 129)
    }

    @Test func aSeekDropsWhatIsFromBeforeItUntilItIsCarriedOut() async {
        buffer.append([record(first, 7), record(second, 0)])
        buffer.seek(first)
        buffer.seek(first)
        buffer.append([record(first, 8), record(second, 1)])
        buffer.seekCarriedOut(first)
        buffer.append([record(first, 9)])
        buffer.seekCarriedOut(first)
        buffer.append([record(first, 3)])
        #expect(await nextRecords() == ["1:0", "1:1", "0:3"])
    }

    @Test func aRepeatedFailureIsKeptOnce() async {
        buffer.append(.failed(.consumerClosed))
        buffer.append(.failed(.consumerClosed))
        buffer.append([record(first, 0)])
        guard case .failed = await buffer.next() else { Issue.record("no failure"); return }
        #expect(await nextRecords() == ["0:0"])
    }

    @Test func aCancelledWaitEndsAndLosesNothing() async {
        let buffer = buffer
        let waiting = Task { await buffer.next() == nil }
        waiting.cancel()
        #expect(await waiting.value)
        buffer.append([record(first, 0)])
        #expect(await nextRecords() == ["0:0"])
    }

    @Test func finishedMeansFinished() async {
        let buffer = buffer
        let waiting = Task { await buffer.next() == nil }
        buffer.finish()
        #expect(await waiting.value)
        buffer.append([record(first, 0)])
        #expect(await buffer.next() == nil)
    }

    @Test func roomIsSignalledOnceAtHalf() async {
        for offset in 0..<Int64(buffer.loadLimit / buffer.batchLimit) {
            buffer.append((0..<Int64(buffer.batchLimit)).map { record(first, offset * 1_000 + $0) })
        }
        #expect(buffer.awaitRoomIfFull())
        _ = await buffer.next()
        #expect(!buffer.takeRoomSignal())
        _ = await buffer.next()
        #expect(buffer.takeRoomSignal())
        #expect(!buffer.takeRoomSignal())
    }
}
