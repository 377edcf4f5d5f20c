/// librdkafka's settings under librdkafka's own names, so its manual applies unchanged
/// (CONFIGURATION.md of the library). Every name passes through: `security.protocol`, `sasl.*`, `ssl.*` too.
///
/// What prints a value of this type never shows a secret.
public struct KafkaSettings: Sendable {
    let entries: [String: String]

    public init(_ entries: [String: String]) { self.entries = entries }

    /// `self` over `defaults`: what the caller says wins.
    func over(_ defaults: [String: String]) -> KafkaSettings {
        KafkaSettings(defaults.merging(entries) { _, given in given })
    }

    /// Whether the value of `name` must never be shown. Errs on the side of hiding.
    static func isSecret(_ name: String) -> Bool {
        let name = name.lowercased()
        return ["password", "secret", "passphrase", "token", "private", "jaas", "oauthbearer"]
            .contains { name.contains($0) }
            || name.hasPrefix("ssl.") && name.hasSuffix(".pem")
    }
}

extension KafkaSettings: CustomStringConvertible, CustomDebugStringConvertible, CustomReflectable {
    public var description: String {
        let shown = entries.sorted { $0.key < $1.key }
            .map { "\($0.key)=\(Self.isSecret($0.key) ? "<secret>" : $0.value)" }
        return "KafkaSettings(\(shown.joined(separator: ", ")))"
    }
    public var debugDescription: String { description }
    public var customMirror: Mirror { Mirror(self, children: []) }
}

extension KafkaSettings {
    /// `message.timeout.ms=0`: a finite limit would drop one record of a key and send the next.
    static let producerDefaults = [
        "enable.idempotence": "true",
        "acks": "all",
        "message.timeout.ms": "0",
        "partitioner": "murmur2_random",
        "linger.ms": "5",
        "socket.nagle.disable": "true",
        "statistics.interval.ms": "5000",
    ]

    /// `auto.offset.reset=error`: a partition without an offset is reported, never skipped or replayed in silence.
    static let consumerDefaults = [
        "auto.offset.reset": "error",
        "enable.auto.offset.store": "false",
        "enable.auto.commit": "true",
        "isolation.level": "read_committed",
        "partition.assignment.strategy": "range",
        "socket.nagle.disable": "true",
        "statistics.interval.ms": "5000",
    ]

    /// Throws: when an entry would break what ``KafkaProducer`` promises.
    func checkedForProducer() throws(KafkaError) -> KafkaSettings {
        let settings = over(Self.producerDefaults)
        // Successes would never be reported, so whoever awaits them would wait for ever.
        if settings.entries["delivery.report.only.error"].map(isTrue) == true {
            throw .invalidSetting("delivery.report.only.error must stay false: every delivery is awaited")
        }
        return settings
    }

    /// Throws: when an entry would break what ``KafkaConsumer`` promises.
    func checkedForConsumer() throws(KafkaError) -> KafkaSettings {
        let settings = over(Self.consumerDefaults)
        // Incremental rebalancing hangs and loses assignments in the library up to 2.10.
        let strategy = settings.entries["partition.assignment.strategy"] ?? ""
        if strategy.contains("cooperative") || settings.entries["group.protocol"] == "consumer" {
            throw .invalidSetting("incremental rebalancing is not supported: use range or roundrobin")
        }
        return settings
    }
}

private func isTrue(_ value: String) -> Bool { ["true", "t", "1"].contains(value.lowercased()) }
