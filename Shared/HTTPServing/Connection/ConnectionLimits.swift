/// What one connection may cost. Every limit ends in a status of its own or in the end of the connection.
public struct ConnectionLimits: Sendable, Equatable {
    /// Longer request targets answer 414.
    public var uriByteLimit = 8 << 10
    /// All header fields of one request together; more answers 431.
    public var headerByteLimit = 32 << 10
    /// Header fields of one request; more answers 431.
    public var headerCountLimit = 100
    /// From the first byte of a request (or from accept) to the end of its header; then 408 or the end.
    public var headerTimeout: Duration = .seconds(15)
    /// How long an open connection may wait for its next request.
    public var idleTimeout: Duration = .seconds(75)
    /// How long a body under way may bring no byte; then 408. Time in which we do not want to read does not count.
    public var bodyStallTimeout: Duration = .seconds(30)
    /// How long a client may take no byte of a response; then the connection ends.
    public var writeStallTimeout: Duration = .seconds(30)
    /// An unread rest of a body up to this size is read and dropped to keep the connection; a longer one ends it.
    public var drainByteLimit: Int64 = 256 << 10
    /// After an early answer the rest of the body is dropped for at most this long, so that the answer is not lost in a
    /// reset (RFC 9112, section 9.6).
    public var lingerTimeout: Duration = .seconds(30)
    /// How long that rest may bring no byte; then the connection ends. Also the whole time when the server is stopping.
    public var lingerStallTimeout: Duration = .seconds(5)
    /// The most one read(2) takes, a power of two. It begins small and grows while a client sends faster than that; large,
    /// because each buffer is a turn for every task on its way. A connection may keep `readsPerTurn` of them until it ends.
    public var receiveBufferBytes = 256 << 10
    /// read(2) calls in a row before other connections of the thread have their turn.
    public var readsPerTurn = 4

    public init() {}
}
