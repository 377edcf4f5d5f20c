import KafkaClient

enum RelayFailure: Error {
    /// Rows from the failed one on are not known to be on the log.
    case producer(KafkaError?)
}

extension KafkaError {
    var reason: String { "\(name): \(message)" }
}
