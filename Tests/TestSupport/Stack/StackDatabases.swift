internal import Foundation
internal import ServiceBootstrap

/// The two databases of one stack.
struct StackDatabases: Sendable {
    let upload: String
    let indexer: String
    private let server: String
    private let names: [String]

    static func create(on server: String) async throws -> StackDatabases {
        let mark = "waybill_t_" + String(SystemRandom().nextUInt64(), radix: 36)
        let names = ["\(mark)_upload", "\(mark)_indexer"]
        let databases = StackDatabases(
            upload: try address(of: names[0], on: server),
            indexer: try address(of: names[1], on: server),
            server: server,
            names: names
        )
        for name in names {
            try await databases.run(
                "CREATE DATABASE \(name) ENCODING 'UTF8' LC_COLLATE 'C.UTF-8' LC_CTYPE 'C.UTF-8' TEMPLATE template0"
            )
        }
        return databases
    }

    /// Whoever is still connected is thrown out.
    func drop() async {
        for name in names {
            // A database that stays hurts nobody; the test's own failure matters more.
            try? await run("DROP DATABASE IF EXISTS \(name) WITH (FORCE)")
        }
    }

    private func run(_ sql: String) async throws {
        let psql = try await TestCommand.run(
            "/usr/bin/psql",
            [server, "--no-psqlrc", "--quiet", "--set", "ON_ERROR_STOP=1", "--command", sql]
        )
        guard psql.isSuccess else { throw StackFailure("psql could not \(sql): \(psql.output)") }
    }

    private static func address(of database: String, on server: String) throws -> String {
        guard let match = try /(postgres(?:ql)?:\/\/[^\/?]*)(?:\/[^?]*)?(\?.*)?/.wholeMatch(in: server) else {
            throw StackFailure("WAYBILL_TEST_DATABASE is no libpq URI")
        }
        return "\(match.1)/\(database)\(match.2 ?? "")"
    }
}

/// Why a stack could not do what a test asked of it.
public struct StackFailure: Error, CustomStringConvertible {
    public let description: String
    init(_ description: String) { self.description = description }
}
