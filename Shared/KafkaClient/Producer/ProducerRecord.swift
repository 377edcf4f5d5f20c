/// One record to publish. The partition follows from the key.
public struct ProducerRecord: Sendable {
    public let topic: String
    /// Records of one key keep their order. An empty key is a key like any other.
    public let key: [UInt8]
    /// Empty means an empty value, not a tombstone.
    public let value: [UInt8]
    public let headers: RecordHeaders

    public init(topic: String, key: [UInt8], value: [UInt8], headers: RecordHeaders = RecordHeaders()) {
        self.topic = topic
        self.key = key
        self.value = value
        self.headers = headers
    }
}

/// Names and values in one piece of memory: two allocations, however many there are.
public struct RecordHeaders: Sendable {
    let bytes: [UInt8]
    let ends: [Int]

    /// - Parameters:
    ///   - bytes: name, value, name, value …, one behind the other.
    ///   - ends: where each of them ends in `bytes`; what does not fit is left out.
    public init(bytes: [UInt8], ends: [Int]) {
        self.bytes = bytes
        self.ends = ends
    }

    public init(_ headers: [(name: String, value: [UInt8])] = []) {
        var (bytes, ends) = ([UInt8](), [Int]())
        for (name, value) in headers {
            bytes.append(contentsOf: name.utf8)
            ends.append(bytes.count)
            bytes.append(contentsOf: value)
            ends.append(bytes.count)
        }
        self.init(bytes: bytes, ends: ends)
    }

    /// Lends each header in turn, for the length of one call.
    func forEach(_ body: (_ name: UnsafeRawBufferPointer, _ value: UnsafeRawBufferPointer) -> Void) {
        bytes.withUnsafeBytes { bytes in
            var start = 0
            for index in stride(from: 0, to: ends.count - 1, by: 2) {
                let (middle, end) = (ends[index], ends[index + 1])
                guard start <= middle, middle <= end, end <= bytes.count else { return }
                body(
                    UnsafeRawBufferPointer(rebasing: bytes[start..<middle]),
                    UnsafeRawBufferPointer(rebasing: bytes[middle..<end])
                )
                start = end
            }
        }
    }
}

/// How one record ended.
public enum DeliveryReport: Equatable, Sendable {
    /// Every in-sync replica has it. `offset` is negative where the broker does not tell it.
    case acked(partition: Int32, offset: Int64)
    /// No acknowledgement came. The record may be stored nevertheless unless the error says otherwise.
    case failed(KafkaError)
}
