import Logging
import Testing

@testable import KafkaClient

@Suite("I55 Kafka settings never show a secret")
struct KafkaSettingsTests {
    @Test(arguments: [
        "sasl.password", "ssl.key.password", "ssl.keystore.password", "ssl.key.pem", "SSL.KEY.PEM",
        "sasl.oauthbearer.client.secret", "sasl.oauthbearer.config", "sasl.jaas.config",
        "sasl.oauthbearer.assertion.private.key.pem", "ssl_key_passphrase",
    ])
    func hides(name: String) {
        let settings = KafkaSettings([name: "canary", "bootstrap.servers": "h:1"])
        for text in ["\(settings)", String(reflecting: settings), dumped(settings), "\(["x": settings])"] {
            #expect(!text.contains("canary"))
        }
        #expect("\(settings)".contains("\(name)=<secret>"))
        #expect("\(settings)".contains("bootstrap.servers=h:1"))
    }

    @Test func showsWhatIsNoSecret() {
        let settings = KafkaSettings([
            "sasl.username": "u", "security.protocol": "sasl_ssl", "ssl.ca.location": "/c",
        ])
        #expect(
            "\(settings)" == "KafkaSettings(sasl.username=u, security.protocol=sasl_ssl, ssl.ca.location=/c)"
        )
    }

    @Test func theCallerWinsOverDefaults() throws {
        let producer = try KafkaSettings(["linger.ms": "0"]).checkedForProducer()
        #expect(producer.entries["linger.ms"] == "0")
        #expect(producer.entries["enable.idempotence"] == "true")
        #expect(producer.entries["message.timeout.ms"] == "0")
        let consumer = try KafkaSettings(["auto.offset.reset": "earliest"]).checkedForConsumer()
        #expect(consumer.entries["auto.offset.reset"] == "earliest")
        #expect(try KafkaSettings([:]).checkedForConsumer().entries["auto.offset.reset"] == "error")
    }

    @Test(arguments: [
        ["partition.assignment.strategy": "cooperative-sticky"],
        ["partition.assignment.strategy": "range,cooperative-sticky"],
        ["group.protocol": "consumer"],
    ])
    func refusesIncrementalRebalancing(entries: [String: String]) {
        #expect(throws: KafkaError.self) { try KafkaSettings(entries).checkedForConsumer() }
    }

    @Test(arguments: ["true", "True", "1", "t"])
    func refusesToHideDeliveries(value: String) {
        #expect(throws: KafkaError.self) {
            try KafkaSettings(["delivery.report.only.error": value]).checkedForProducer()
        }
    }

    @Test func anUnknownNameIsNamed() {
        let error = #expect(throws: KafkaError.self) {
            try KafkaProducer(KafkaSettings(["no.such.setting": "1"]), logger: Logger(label: "test"))
        }
        #expect(error?.message.contains("no.such.setting") == true)
    }

    @Test func aRefusedSecretIsNotRepeated() {
        let error = #expect(throws: KafkaError.self) {
            try KafkaProducer(KafkaSettings(["sasl.password": "can\0ary"]), logger: Logger(label: "test"))
        }
        #expect(error?.message == "sasl.password: contains a NUL byte")
    }

    @Test func aConsumerNeedsAGroup() {
        let error = #expect(throws: KafkaError.self) {
            try KafkaConsumer(KafkaSettings([:]), topics: ["t"], logger: Logger(label: "test"))
        }
        #expect(error?.message.contains("group.id") == true)
    }

    private func dumped(_ value: some Any) -> String {
        var text = ""
        dump(value, to: &text)
        return text
    }
}
