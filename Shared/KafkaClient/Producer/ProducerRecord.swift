/// One record to publish. The partition follows from the key.
public struct ProducerRecord: Sendable {
    public let topic: String
    /// Records of one key keep their order. An empty key is a key like any other.
    public let key: [UInt8]
    /// Empty means an empty value, not a tombstone.
    public let value: [UInt8]
    public let headers: [(name: String, value: [UInt8])]

    public init(
        topic: String,
        key: [UInt8],
        value: [UInt8],
        headers: [(name: String, value: [UInt8])] = []
    ) {
        self.topic = topic
        self.key = key
        self.value = value
        self.headers = headers
    }
}

/// How one record ended.
public enum DeliveryReport: Equatable, Sendable {
    /// Every in-sync replica has it. `offset` is negative where the broker does not tell it.
    case acked(partition: Int32, offset: Int64)
    /// No acknowledgement came. The record may be stored nevertheless unless the error says otherwise.
    case failed(KafkaError)
}
