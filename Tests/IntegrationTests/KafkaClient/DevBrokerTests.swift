import Foundation
import KafkaClient
import TestSupport
import Testing

@Suite("DevBroker", .timeLimit(.minutes(1)))
struct DevBrokerTests {
    @Test func takesTheAskedPortAgainAndAgainAndEndsOnSIGTERM() async throws {
        let port = try freePort()
        for _ in 0..<4 {
            let next = try await TestProgram.start(
                "DevBroker",
                ["--port", "\(port)", "--topics", "t:3,u.v1:1"]
            )
            #expect(next.port == port)
            let topics = try await KafkaMetadata.topics(
                KafkaSettings(["bootstrap.servers": "127.0.0.1:\(port)"])
            )
            #expect(topics == ["t": 3, "u.v1": 1])
            #expect(try await next.terminate() == .exited(0))
        }
    }

    @Test func aTakenPortIsRefused() async throws {
        try await TestProgram.with("DevBroker", ["--topics", "t:1"]) { first in
            let port = try #require(first.port)
            let second = try await TestCommand.run("DevBroker", ["--port", "\(port)", "--topics", "t:1"])
            #expect(second.exit == .exited(1))
        }
    }

    @Test(arguments: [
        ["--port", "70000"], ["--topics", "t"], ["--topics", "t:0"], ["--nonsense", "1"], ["--port"], [],
    ])
    func aBadCommandLineIsRefused(arguments: [String]) async throws {
        #expect(try await TestCommand.run("DevBroker", arguments).exit == .exited(64))
    }

    /// kcat is a client of its own, on the C library alone.
    @Test func anIndependentClientReadsKeyValueAndHeaders() async throws {
        try await TestProgram.with("DevBroker", ["--topics", "t:1"]) { broker in
            let producer = try KafkaProducer(
                KafkaSettings(["bootstrap.servers": broker.address]),
                logger: quietLogger
            )
            let record = ProducerRecord(
                topic: "t",
                key: Array("file-1".utf8),
                value: Array(#"{"a":1}"#.utf8),
                headers: RecordHeaders([("ce_id", Array("e1".utf8)), ("ce_type", Array("file.stored".utf8))])
            )
            #expect(await producer.produce([record]) == [.acked(partition: 0, offset: 0)])
            await producer.close(flushLimit: .seconds(1))

            let kcat = try await TestCommand.run(
                "/usr/bin/kcat",
                [
                    "-b", broker.address, "-t", "t", "-C", "-e", "-q", "-o", "beginning", "-f",
                    "%k|%s|%h\n",
                ]
            )
            #expect(kcat.output == "file-1|{\"a\":1}|ce_id=e1,ce_type=file.stored\n")
        }
    }

    /// Without TCP_NODELAY on the broker's side each answer may wait 40 ms.
    @Test func answersAreNotHeldBack() async throws {
        try await TestProgram.with("DevBroker", ["--topics", "t:1"]) { broker in
            let producer = try KafkaProducer(
                KafkaSettings(["bootstrap.servers": broker.address, "linger.ms": "0"]),
                logger: quietLogger
            )
            var waits: [Duration] = []
            for number in 0..<40 {
                let begin = ContinuousClock.now
                #expect(await producer.produce(numbered(number..<number + 1)).areAllAcked)
                waits.append(ContinuousClock.now - begin)
            }
            #expect(waits.sorted()[10] < .milliseconds(30))
            await producer.close(flushLimit: .seconds(1))
        }
    }
}
