import ArgumentParser
import FoundationEssentials
import Logging
import PostgresClient
import ServiceBootstrap

/// One database a command works on.
struct Database: Equatable, Sendable {
    /// How sentences call it: `host/name` without user and password, else its place in the command.
    let label: String
    private let conninfo: String

    init(_ conninfo: String, number: Int) {
        self.conninfo = conninfo
        label = Self.label(conninfo) ?? "database \(number)"
    }

    private static func label(_ conninfo: String) -> String? {
        guard conninfo.contains("://"), let parts = URLComponents(string: conninfo) else { return nil }
        let port = parts.port.map { ":\($0)" } ?? ""
        let label = (parts.host ?? "") + port + parts.path
        return label.count > 1 ? label : nil
    }

    /// Lends one connection and closes it, however `body` ends.
    func withPool<Value: Sendable>(
        _ body: (PostgresPool) async throws(DatabaseError) -> Value
    ) async throws(DatabaseError) -> Value {
        var settings = PostgresSettings(conninfo: conninfo, applicationName: "waybill-cli")
        settings.connectionLimit = 1
        let pool = PostgresPool(
            settings,
            time: SystemTime(),
            random: SystemRandom(),
            // What goes wrong is said in the command's own sentence.
            logger: Logger(label: "waybill") { _ in SwiftLogNoOpLogHandler() }
        )
        do throws(DatabaseError) {
            let value = try await body(pool)
            await pool.close()
            return value
        } catch {
            await pool.close()
            throw error
        }
    }
}

/// `--database`, for commands that work on one.
struct DatabaseOption: ParsableArguments {
    @Option(
        name: .customLong("database"),
        help: "libpq URI; WAYBILL_DATABASE_URL when absent, which keeps a password out of the process list."
    )
    var url: String?

    var database: Database {
        get throws { try DatabaseList.databases(url.map { [$0] } ?? [])[0] }
    }

    /// Runs `body` on the database; its failures become sentences.
    func use<Value: Sendable>(
        _ body: (PostgresPool) async throws(DatabaseError) -> Value
    ) async throws -> Value {
        let database = try database
        do throws(DatabaseError) { return try await database.withPool(body) } catch {
            throw CommandFailure(error, database: database.label)
        }
    }
}

/// `--database`, for commands that work on several.
struct DatabaseList: ParsableArguments {
    @Option(
        name: .customLong("database"),
        help: "libpq URI; once for every service's database. WAYBILL_DATABASE_URL when absent."
    )
    var urls: [String] = []

    var databases: [Database] { get throws { try Self.databases(urls) } }

    /// At least one.
    static func databases(_ urls: [String]) throws -> [Database] {
        var settings = SettingsReader.ofThisProcess()
        let given = urls.isEmpty ? [settings.optionalText("WAYBILL_DATABASE_URL")].compactMap { $0 } : urls
        guard !given.isEmpty else {
            throw ValidationError("Name a database: --database postgresql://…, or set WAYBILL_DATABASE_URL.")
        }
        return given.enumerated().map { Database($1, number: $0 + 1) }
    }
}
