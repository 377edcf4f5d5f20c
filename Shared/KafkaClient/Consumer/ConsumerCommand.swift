/// What the application asks of the consumer's poll thread. Carried out in the order given.
enum ConsumerCommand: Sendable {
    case assign([TopicPartition: Int64?], assignment: Int)
    case acknowledge(revocation: Int)
    case pause([TopicPartition])
    case resume([TopicPartition])
    case seek(TopicPartition, Int64)
    case store(TopicPartition, Int64)
}
