import Determinism
public import PostgresClient
public import ServiceBootstrap

/// `migrate` and `migrate status`, the same for every program with a database of its own.
public func migrationCommands(_ migrations: [Migration], application: String) -> [ProgramCommand] {
    [
        ProgramCommand("migrate") { frame, arguments in
            try refuseArguments(arguments, after: "migrate")
            return try await withDatabase(of: frame, application: application) { pool in
                let applied = try await Migrator.migrate(migrations, on: pool)
                guard !applied.isEmpty else {
                    return "Nothing to do: all \(migrations.count) migrations are applied."
                }
                return applied.map { "applied \($0.number) \($0.name)" }.joined(separator: "\n")
            }
        },
        ProgramCommand("migrate", "status") { frame, arguments in
            try refuseArguments(arguments, after: "migrate status")
            return try await withDatabase(of: frame, application: application) { pool in
                try await Migrator.status(migrations, on: pool).map(\.line).joined(separator: "\n")
            }
        },
    ]
}

/// Lends a command the database of its program, settings read from the environment, for one piece of work.
public func withDatabase<Value: Sendable>(
    of frame: ProgramFrame,
    application: String,
    _ body: (PostgresPool) async throws -> Value
) async throws -> Value {
    var reader = SettingsReader(environment: frame.environment)
    reader.ignoreOthers()
    let settings = reader.database(application: application)
    try reader.finish()
    let pool = PostgresPool(
        settings,
        time: frame.time,
        random: frame.random,
        logger: frame.makeLogger("database")
    )
    do {
        let value = try await body(pool)
        await pool.close()
        return value
    } catch {
        await pool.close()
        throw error
    }
}

/// Refuses to go on with a database whose schema is not this program's, unless `mayMigrate` lets it bring it there.
///
/// - Throws: `ConfigurationError`, one sentence that says what to do; `MigrationError` when the database cannot be asked.
public func requireMigrated(
    _ migrations: [Migration],
    on pool: PostgresPool,
    mayMigrate: Bool,
    program: String
) async throws {
    if mayMigrate {
        try await Migrator.migrate(migrations, on: pool)
        return
    }
    let missing = try await Migrator.status(migrations, on: pool).filter { !$0.isApplied }
    guard let first = missing.first else { return }
    throw ConfigurationError(problems: [
        """
        the database is not at this program's schema (\(first.line)): run `\(program) migrate` first, \
        or set WAYBILL_MIGRATE_ON_START=true
        """
    ])
}

private func refuseArguments(_ arguments: [String], after words: String) throws {
    guard let first = arguments.first else { return }
    throw ConfigurationError(problems: ["`\(words)` takes no argument, but got `\(first)`"])
}

extension MigrationStatus {
    fileprivate var isApplied: Bool {
        if case .applied = state { return true }
        return false
    }

    fileprivate var line: String {
        let words =
            switch state {
            case .applied(let at): "applied \(at.rfc3339)"
            case .pending: "pending"
            case .changed(let at): "CHANGED since it was applied \(at.rfc3339)"
            case .unknown(let at): "applied \(at.rfc3339) by a newer program"
            }
        return "\(number) \(name): \(words)"
    }
}
