import Foundation
import KafkaClient
import Testing

@Suite("DevBroker", .timeLimit(.minutes(1)))
struct DevBrokerTests {
    @Test func takesTheAskedPortAgainAndAgainAndEndsOnSIGTERM() async throws {
        let first = try BrokerProgram(["--topics", "t:3,u.v1:1"])
        let port = try first.waitUntilReady()
        #expect(first.stop() == 0)
        for _ in 0..<3 {
            let next = try BrokerProgram(["--port", "\(port)", "--topics", "t:3,u.v1:1"])
            #expect(try next.waitUntilReady() == port)
            let topics = try await KafkaMetadata.topics(
                KafkaSettings(["bootstrap.servers": "127.0.0.1:\(port)"])
            )
            #expect(topics == ["t": 3, "u.v1": 1])
            #expect(next.stop() == 0)
        }
    }

    @Test func aTakenPortIsRefused() throws {
        let first = try BrokerProgram(["--topics", "t:1"])
        let port = try first.waitUntilReady()
        let second = try BrokerProgram(["--port", "\(port)", "--topics", "t:1"])
        #expect(second.wait() == 1)
        #expect(first.stop() == 0)
    }

    @Test(arguments: [
        ["--port", "70000"], ["--topics", "t"], ["--topics", "t:0"], ["--nonsense", "1"], ["--port"], [],
    ])
    func aBadCommandLineIsRefused(arguments: [String]) throws {
        #expect(try BrokerProgram(arguments).wait() == 64)
    }

    /// kcat is a client of its own, on the C library alone.
    @Test func anIndependentClientReadsKeyValueAndHeaders() async throws {
        let broker = try BrokerProgram(["--topics", "t:1"])
        let server = "127.0.0.1:\(try broker.waitUntilReady())"
        let producer = try KafkaProducer(KafkaSettings(["bootstrap.servers": server]), logger: quietLogger)
        let reports = await producer.produce([
            ProducerRecord(
                topic: "t",
                key: Array("file-1".utf8),
                value: Array(#"{"a":1}"#.utf8),
                headers: [("ce_id", Array("e1".utf8)), ("ce_type", Array("file.stored".utf8))]
            )
        ])
        #expect(reports == [.acked(partition: 0, offset: 0)])
        await producer.close(flushLimit: .seconds(1))

        let kcat = Process()
        let output = Pipe()
        kcat.executableURL = URL(fileURLWithPath: "/usr/bin/kcat")
        kcat.arguments = ["-b", server, "-t", "t", "-C", "-e", "-q", "-o", "beginning", "-f", "%k|%s|%h\n"]
        kcat.standardOutput = output
        try kcat.run()
        let text = String(decoding: output.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
        kcat.waitUntilExit()
        #expect(text == "file-1|{\"a\":1}|ce_id=e1,ce_type=file.stored\n")
        #expect(broker.stop() == 0)
    }

    /// Without TCP_NODELAY on the broker's side each answer may wait 40 ms.
    @Test func answersAreNotHeldBack() async throws {
        let broker = try BrokerProgram(["--topics", "t:1"])
        let server = "127.0.0.1:\(try broker.waitUntilReady())"
        let producer = try KafkaProducer(
            KafkaSettings(["bootstrap.servers": server, "linger.ms": "0"]),
            logger: quietLogger
        )
        var waits: [Duration] = []
        for number in 0..<40 {
            let begin = ContinuousClock.now
            #expect(await producer.produce(numbered(number..<number + 1)).areAllAcked)
            waits.append(ContinuousClock.now - begin)
        }
        #expect(waits.sorted()[20] < .milliseconds(30))
        await producer.close(flushLimit: .seconds(1))
        #expect(broker.stop() == 0)
    }
}
