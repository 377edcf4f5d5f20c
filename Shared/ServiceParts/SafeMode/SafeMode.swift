public import Determinism
public import PostgresClient

/// On from the moment the database is another than it was, after a restore or a failover, until an operator says otherwise:
/// nothing is destroyed meanwhile, since the database may have forgotten what others rest on.
///
/// It is asked in the transaction of whatever destroys, and the answer compares the database as it was with the database as it
/// is: there is no moment between a restore and the first look.
public enum SafeMode {
    /// The tables, for a service's migrations. Frozen: a change is a new migration.
    public static let schema = SafeModeStore.schema
    /// Added to them. Frozen.
    public static let schemaOfClock = ClockStore.schema
    /// On also without a stay: before anybody has looked, and as long as nobody can vouch for the database's clock.
    public static func isOn(on pool: PostgresPool) async throws(DatabaseError) -> Bool {
        try await pause(on: pool) != nil
    }

    public static func isOn(in tx: borrowing Transaction) async throws(DatabaseError) -> Bool {
        try await pause(in: tx) != nil
    }

    /// - Returns: after how long what is held because of it is looked at again; nil when it is off.
    public static func pause(on pool: PostgresPool) async throws(DatabaseError) -> Duration? {
        try await SafeModeStore.pause(on: pool)
    }

    public static func pause(in tx: borrowing Transaction) async throws(DatabaseError) -> Duration? {
        try await SafeModeStore.pause(in: tx)
    }

    public static func standing(on pool: PostgresPool) async throws(DatabaseError) -> Standing {
        try await SafeModeStore.standing(on: pool)
    }

    /// Ends a stay, in the transaction that also writes down who did it.
    ///
    /// - Returns: false when that stay is over, or has had a new cause since it was looked at: nothing was written.
    public static func leave(
        _ stay: Stay,
        by person: String,
        reason: String,
        in tx: borrowing Transaction
    ) async throws(DatabaseError) -> Bool {
        try await SafeModeStore.leave(stay, by: person, reason: reason, in: tx)
    }

    /// Keeps what was found out while it is on; JSON.
    ///
    /// - Returns: false when that stay is over, or has had a new cause since: what was compared is another database then.
    public static func keepSurvey(
        _ json: String,
        of stay: Stay,
        on pool: PostgresPool
    ) async throws(DatabaseError) -> Bool {
        try await SafeModeStore.keepSurvey(json, of: stay, on: pool)
    }

    /// Where the database stands.
    public struct Standing: Equatable, Sendable {
        /// The identity that was last taken in.
        public let known: String
        /// The identity of the database that answered.
        public let now: String
        /// Of the versions that are written.
        public let epoch: Int64
        /// Whether somebody vouches for the clock by which ages are told.
        public let isClockWatched: Bool
        /// Nil when nobody has entered safe mode; it is on all the same as long as `isTakenIn` is false.
        public let stay: Stay?

        public var isTakenIn: Bool { known == now }
        public var isOn: Bool { !isTakenIn || stay != nil || !isClockWatched }
        /// What was looked at: whoever leaves safe mode names it. Another database, and each new cause, has another.
        public var incarnation: String { "\(now)/\(epoch)" }
    }

    /// One time that safe mode is on.
    public struct Stay: Equatable, Sendable {
        let id: Int64
        let epoch: Int64
        public let enteredAt: Timestamp
        public let was: String
        public let isNow: String
        public let cause: String
        /// JSON; nil until it was made. The newest one: what could not be compared then is tried again.
        public let survey: String?
        public let surveyedAt: Timestamp?
    }
}
