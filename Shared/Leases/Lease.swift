/// The right to be the only one doing something, until it expires.
///
/// Every write made under a lease carries `epoch` in its predicate: zero rows touched means that
/// somebody else took over, and the holder stops. Effects outside the database cannot be fenced;
/// they must be repeatable.
///
/// Source: Martin Kleppmann, "How to do distributed locking", 2016 (fencing tokens).
public struct Lease: Equatable, Sendable {
    public let name: String
    /// Random per process start, so that a restarted process never takes itself for its predecessor.
    public let owner: String
    public let epoch: Int64
    /// On the holder's monotonic clock, counted from before the request was sent.
    public let heldUntil: Duration

    public init(name: String, owner: String, epoch: Int64, heldUntil: Duration) {
        self.name = name
        self.owner = owner
        self.epoch = epoch
        self.heldUntil = heldUntil
    }
}
