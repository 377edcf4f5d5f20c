public import PostgresClient

/// Where the relay stands. A *tick* is the set of rows that became visible between two snapshots.
///
/// Every row becomes visible in exactly one tick, in whatever order transactions commit. If version 2 of a
/// key is visible, version 1 committed before version 2 got the row lock; so it is in the same tick with a
/// lower id, or in an earlier tick. A transaction held open delays its own rows only.
public struct TickPosition: Equatable, Sendable {
    /// Whose position it is: everything below means something to it alone.
    public let leader: TickLeader
    /// `pg_snapshot` text: every row visible in it has been published.
    public let from: String
    /// The snapshot that ends the tick under way; nil between ticks.
    public let to: String?
    /// Rows of the tick under way up to this id are published.
    public let lastID: Int64
    /// No transaction that began after `from` has drawn a lower id. Those that were under way in `from` may have;
    /// they are looked up by transaction, so that one that was open for hours costs no long scan.
    public let newID: Int64

    public init(leader: TickLeader, from: String, to: String?, lastID: Int64, newID: Int64) {
        self.leader = leader
        self.from = from
        self.to = to
        self.lastID = lastID
        self.newID = newID
    }
}

/// Who reads an outbox: one epoch of its lease, in one server.
///
/// An epoch alone does not tell two leaders apart: a replica that was promoted may not have heard of the last one, and give
/// the same epoch out again. And a server that takes another's place between two statements, so fast that nobody sees
/// an error, has transactions of its own: snapshots of the other mean nothing in it, and rows between the two would be lost.
public struct TickLeader: Equatable, Sendable {
    public let epoch: Int64
    /// As `ServerIncarnation` says.
    public let incarnation: String

    public init(epoch: Int64, incarnation: String) {
        self.epoch = epoch
        self.incarnation = incarnation
    }
}

/// One event as it lies in the outbox, ready to be passed on. The relay never looks inside.
public struct OutboxRow: Equatable, Sendable {
    public let id: Int64
    public let topic: String
    public let key: String
    public let version: Int64
    /// Name, value, name, value …
    public let headers: PackedTexts
    public let payload: [UInt8]
    /// At least what the row takes in the database and on the wire, whichever is more.
    public let byteCount: Int

    public init(
        id: Int64,
        topic: String,
        key: String,
        version: Int64,
        headers: PackedTexts,
        payload: [UInt8]
    ) {
        self.id = id
        self.topic = topic
        self.key = key
        self.version = version
        self.headers = headers
        self.payload = payload
        byteCount = 512 + key.utf8.count + payload.count + headers.bytes.count + headers.ends.count * 8
    }
}

public enum TickFailure: Error, Equatable, Sendable {
    case database(DatabaseError)
    /// A newer epoch reads this outbox now, or the server is another one. Stop; nothing of the caller's was written.
    case fenced
}
