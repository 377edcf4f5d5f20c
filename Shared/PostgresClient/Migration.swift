public import Determinism

/// One numbered change of the schema. Once applied anywhere its text never changes; a correction is a new migration.
public struct Migration: Equatable, Sendable {
    /// 1, 2, 3 … without a gap.
    public let number: Int
    public let name: String
    /// Several statements, run in one transaction; it must not contain COMMIT or what cannot run in a transaction.
    public let sql: String

    public init(number: Int, name: String, sql: String) {
        self.number = number
        self.name = name
        self.sql = sql
    }
}

/// Where one migration stands in one database.
public struct MigrationStatus: Equatable, Sendable {
    public enum State: Equatable, Sendable {
        case applied(at: Timestamp)
        case pending
        /// Applied with another text than the program's.
        case changed(at: Timestamp)
        /// Applied, but this program does not know it: the database is newer.
        case unknown(at: Timestamp)
    }
    public let number: Int
    public let name: String
    public let state: State
}

public enum MigrationError: Error, Equatable, Sendable {
    /// The program's own list has a gap, a repeated number or does not start at 1.
    case invalidList(String)
    case changed(number: Int, name: String)
    /// The database has later migrations but not this one.
    case missing(number: Int)
    case databaseNewer(number: Int, name: String)
    /// This migration was rolled back; those before it stay applied.
    case failed(number: Int, name: String, DatabaseError)
    case database(DatabaseError)
}

extension MigrationError: CustomStringConvertible {
    public var description: String {
        switch self {
        case .invalidList(let reason): "the program's list of migrations is wrong: \(reason)"
        case .changed(let number, let name):
            "migration \(number) (\(name)) was changed after it had been applied; restore its text and add a new migration instead"
        case .missing(let number):
            "migration \(number) is not applied although later ones are; the table schema_migrations was tampered with"
        case .databaseNewer(let number, let name):
            "the database has migration \(number) (\(name)), which this program does not know; start a newer program"
        case .failed(let number, let name, let error):
            "migration \(number) (\(name)) failed and was rolled back: \(error)"
        case .database(let error): "\(error)"
        }
    }
}

/// What the table schema_migrations says of one migration.
struct AppliedMigration: Equatable {
    let number: Int
    let name: String
    let isUnchanged: Bool
    let appliedAt: Timestamp
}

/// The decisions of the migrator, without a database.
enum MigrationPlan {
    /// - Returns: what is to be applied, in order.
    static func pending(
        _ given: [Migration],
        applied: [AppliedMigration]
    ) throws(MigrationError) -> [Migration] {
        try check(given)
        for (index, row) in applied.sorted(by: { $0.number < $1.number }).enumerated() {
            guard row.number == index + 1 else { throw .missing(number: index + 1) }
            guard index < given.count else { throw .databaseNewer(number: row.number, name: row.name) }
            guard row.isUnchanged else { throw .changed(number: row.number, name: row.name) }
        }
        return Array(given.dropFirst(applied.count))
    }

    static func status(_ given: [Migration], applied: [AppliedMigration]) -> [MigrationStatus] {
        let known = Set(given.map(\.number))
        let rows = Dictionary(applied.map { ($0.number, $0) }, uniquingKeysWith: { first, _ in first })
        let listed = given.map { migration in
            let state = rows[migration.number].map { row -> MigrationStatus.State in
                row.isUnchanged ? .applied(at: row.appliedAt) : .changed(at: row.appliedAt)
            }
            return MigrationStatus(number: migration.number, name: migration.name, state: state ?? .pending)
        }
        let newer = applied.filter { !known.contains($0.number) }.map { row in
            MigrationStatus(number: row.number, name: row.name, state: .unknown(at: row.appliedAt))
        }
        return (listed + newer).sorted { $0.number < $1.number }
    }

    private static func check(_ given: [Migration]) throws(MigrationError) {
        for (index, migration) in given.enumerated() where migration.number != index + 1 {
            throw .invalidList("\(migration.name) has number \(migration.number) where \(index + 1) is due")
        }
    }
}
