import Determinism
import EventBinding
import FaultPoints
import PostgresClient
import ServiceBootstrap
import ServiceSettings
import TransactionalOutbox

import struct FoundationEssentials.UUID

/// Tells the log again how every file stands: for a topic that was lost, also where the outbox no longer has the rows.
///
/// The newest version's event of each file is appended once more, byte for byte the same; who has seen it passes it over.
struct Republishing: Sendable {
    let pool: PostgresPool
    private let pageLimit = 500

    /// - Returns: how many files were told of. May be run again at any time.
    func run() async throws -> Int {
        var last: UUID?
        var count = 0
        while true {
            let after = last
            let page = try await pool.withTransaction { (tx: borrowing Transaction) async throws -> [File] in
                let files = try await FileStore.page(after: after, limit: pageLimit, in: tx)
                for file in files { try await Outbox.append(file.stateEvent, in: tx) }
                return files
            }
            guard let end = page.last else { return count }
            last = end.id
            count += page.count
        }
    }
}

extension ProgramCommand {
    /// `republish`: the relay publishes what this appends.
    static let republish = ProgramCommand("republish") { frame, arguments in
        guard arguments.isEmpty else {
            throw ConfigurationError(problems: ["`UploadService republish` takes no further words"])
        }
        return try await withDatabase(of: frame, application: UploadConfig.application) { pool in
            "\(try await Republishing(pool: pool).run()) files told again"
        }
    }
}
