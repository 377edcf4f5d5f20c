import Synchronization

/// What this process last saw of the database with its own eyes: nobody can put that back.
final class DatabaseWitness: Sendable {
    private let last = Mutex<DatabaseSight?>(nil)

    /// Whether anything was seen of the database as it is.
    func isAbout(_ sight: DatabaseSight) -> Bool {
        last.withLock { $0.map { $0.identity == sight.identity && $0.epoch == sight.epoch } ?? false }
    }

    func cause(_ sight: DatabaseSight) -> String? { last.withLock { $0 }.flatMap { sight.cause(since: $0) } }

    func remember(_ sight: DatabaseSight) { last.withLock { $0 = sight } }
}
