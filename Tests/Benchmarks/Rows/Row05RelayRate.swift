extension Row {
    /// What reading the outbox and keeping the place costs beside the producer.
    static let relayRate = Row(
        number: 5,
        title: "relay events/s (row → acked) ÷ bare librdkafka idempotent producer, same bytes, same broker",
        comparisons: [
            Comparison(
                "relay ÷ bare idempotent producer",
                unit: "events/s",
                "relay",
                over: "producer",
                floor: 0.45,
                goal: 0.6
            ),
            Comparison("… a bare relay ÷ that producer", unit: "events/s", "bare", over: "producer"),
            Comparison("… the relay ÷ that bare relay", unit: "events/s", "relay", over: "bare"),
        ]
    ) { site in
        let count = site.scaled(100_000, least: 1_000)
        let deployment = try await Deployment(at: site)
        let pool = deployment.uploads
        _ = try await deployment.start("OutboxRelay")
        let records = try Events.records(count)
        let producer = try ProducerLoan(deployment.brokers, topic: Events.topic)
        return Trial(sides: [
            Side("relay") {
                let transaction = try await Events.write(count, on: pool)
                return Double(count)
                    / (try await seconds { try await Events.arePublished(transaction, on: pool) })
            },
            Side("bare") {
                let transaction = try await Events.write(count, on: pool)
                // The relay has gone to rest again before its rows are read a second time.
                try await Events.arePublished(transaction, on: pool)
                return Double(count)
                    / (try await seconds {
                        try await producer.relay(transaction, count, from: deployment.uploadDatabase)
                    })
            },
            Side("producer") { Double(count) / (try await seconds { try await producer.produce(records) }) },
        ])
    }
}
