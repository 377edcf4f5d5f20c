public import KafkaClient

extension KafkaSettings {
    /// What a consumer of ours needs: its group, and no reset of offsets that nobody decided.
    public static func consumer(
        brokers: String,
        group: String,
        extra: [String: String] = [:]
    ) -> KafkaSettings {
        var entries = [
            "bootstrap.servers": brokers,
            "group.id": group,
            "session.timeout.ms": "6000",
            "fetch.wait.max.ms": "10",
        ]
        entries.merge(extra) { _, new in new }
        return KafkaSettings(entries)
    }
}
