/// What a ``KafkaConsumer`` has to tell, in order.
public enum ConsumerEvent: Sendable {
    /// Never empty; in order within each partition.
    case records([ConsumerRecord])
    /// These partitions are ours now. Nothing is read from them until ``KafkaConsumer/assign(_:)`` has said where
    /// to start; only an empty list needs no answer.
    case assigned([TopicPartition])
    /// These partitions go to another member: finish what is in hand, store offsets, then acknowledge. After
    /// ``KafkaConsumer/revokeLimit`` they go anyway. Records read ahead but not handed out have been dropped.
    case revoked([TopicPartition], Acknowledgement)
    /// These partitions are gone already; another member may be at work on them. Store nothing for them.
    case lost([TopicPartition])
    /// Reading one partition (then it is named) or the whole consumer failed. With `isFatal` the consumer must be
    /// closed and made anew. `_AUTO_OFFSET_RESET` means a partition without a usable offset: it stands still until
    /// ``KafkaConsumer/seek(_:to:)``.
    case failed(KafkaError)
}

/// Lets a revocation finish.
public struct Acknowledgement: Sendable {
    private let acknowledge: @Sendable () -> Void

    public init(_ acknowledge: @escaping @Sendable () -> Void) { self.acknowledge = acknowledge }

    /// Offsets stored before this call are committed. Too late or for the second time it changes nothing.
    public func done() { acknowledge() }
}

/// How far one assigned partition has been read, from figures the library has at hand.
public struct PartitionProgress: Equatable, Sendable {
    public let partition: TopicPartition
    /// The next offset to be read ahead.
    public let position: Int64?
    /// The next offset the application has not finished, as given to `storeOffset` or `assign`.
    public let stored: Int64?
    /// The partition's first offset and the one after its last, as of the last fetch. Old while paused.
    public let low: Int64?
    public let high: Int64?

    /// Records the application has not finished; nil before the first fetch.
    public var lag: Int64? {
        guard let high, var reached = stored ?? position else { return nil }
        // A logical offset such as "the beginning": nothing was read yet, so everything there is remains.
        if reached < 0 {
            guard let low else { return nil }
            reached = low
        }
        let (difference, overflow) = high.subtractingReportingOverflow(reached)
        return overflow ? nil : max(0, difference)
    }
}
