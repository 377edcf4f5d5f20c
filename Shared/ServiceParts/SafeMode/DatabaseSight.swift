import Determinism

/// What a database shows of itself at one moment.
struct DatabaseSight: Equatable, Sendable {
    /// As `incarnation_now` says.
    let identity: String
    /// Of the versions it writes.
    let epoch: Int64
    /// How much of its write-ahead log is safe on the disk: a crash takes nothing of it back. In bytes from its beginning.
    let flushed: Int64
    /// How much there is; never less than `flushed`.
    let inserted: Int64
    let now: Timestamp
    /// Whether somebody vouched for its clock lately; see `ClockStore`.
    let isClockWatched: Bool
    /// When the server was started that answered.
    let serverStart: Timestamp
    /// Of the process that looks.
    let uptime: Duration

    /// Two clocks that are further apart are not both right.
    static let tolerance: Duration = .seconds(900)

    /// Why the database cannot be the one that was seen before, or cannot be believed.
    ///
    /// - Returns: nil also when a new epoch has begun: whoever began it has had a cause.
    func cause(since earlier: DatabaseSight) -> String? {
        guard identity == earlier.identity, epoch == earlier.epoch else { return nil }
        if inserted < earlier.flushed { return Self.goneBack(inserted, earlier.flushed) }
        let drift = now.duration(since: earlier.now) - (uptime - earlier.uptime)
        guard Self.isTooFar(drift) else { return nil }
        return "the database's clock has jumped by \(drift.components.seconds) s"
    }

    static func isTooFar(_ difference: Duration) -> Bool {
        difference >= tolerance || difference <= .zero - tolerance
    }

    static func goneBack(_ is: Int64, _ was: Int64) -> String {
        "the database's log ends at \(`is`), and was written up to \(was): an earlier copy of its disk was put back"
    }
}
