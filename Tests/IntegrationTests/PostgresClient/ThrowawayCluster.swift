import Foundation
import PostgresClient
import TestSupport

/// A PostgreSQL of its own in a temporary folder, for tests that stop the server. It listens on a Unix socket only.
final class ThrowawayCluster: Sendable {
    struct Failed: Error, CustomStringConvertible { let description: String }

    private let folder: String
    private let binaries: String

    private init(folder: String, binaries: String) {
        self.folder = folder
        self.binaries = binaries
    }

    static func with(_ body: (ThrowawayCluster) async throws -> Void) async throws {
        let root = "/usr/lib/postgresql"
        let versions = try FileManager.default.contentsOfDirectory(atPath: root).compactMap { Int($0) }
        guard let version = versions.max() else { throw Failed(description: "no PostgreSQL under \(root)") }
        let folder = NSTemporaryDirectory() + "waybill-pg-\(UUID().uuidString.prefix(8))"
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        let cluster = ThrowawayCluster(folder: folder, binaries: "\(root)/\(version)/bin")
        do {
            try await cluster.create()
            try await body(cluster)
        } catch {
            await cluster.remove()
            throw error
        }
        await cluster.remove()
    }

    var settings: PostgresSettings {
        PostgresSettings(conninfo: "host=\(folder) user=postgres dbname=postgres", applicationName: "waybill-test")
    }

    func start() async throws {
        let options = "-k \(folder) -c listen_addresses= -c fsync=off -c max_connections=50"
        try await asOwner("pg_ctl", "-D", "\(folder)/data", "-l", "\(folder)/log", "-o", options, "-w", "start")
    }

    /// - Parameter mode: `fast` ends sessions politely, `immediate` is a crash.
    func stop(_ mode: String) async throws {
        try await asOwner("pg_ctl", "-D", "\(folder)/data", "-m", mode, "-w", "stop")
    }

    private func create() async throws {
        if geteuid() == 0 { try await run(["/bin/chown", "postgres", folder]) }
        try await asOwner("initdb", "-D", "\(folder)/data", "-U", "postgres", "--auth=trust", "-E", "UTF8", "--no-sync")
        try await start()
    }

    private func remove() async {
        try? await stop("immediate")
        try? FileManager.default.removeItem(atPath: folder)
    }

    /// PostgreSQL refuses to run as root.
    private func asOwner(_ program: String, _ arguments: String...) async throws {
        let command = ["\(binaries)/\(program)"] + arguments
        try await run(geteuid() == 0 ? ["/usr/sbin/runuser", "-u", "postgres", "--"] + command : command)
    }

    private func run(_ command: [String]) async throws {
        let process = Process()
        process.executableURL = URL(fileURLWithPath: command[0])
        process.arguments = Array(command.dropFirst())
        process.currentDirectoryURL = URL(fileURLWithPath: "/")
        process.standardOutput = FileHandle.nullDevice
        process.standardError = FileHandle.nullDevice
        let status = try await withCheckedThrowingContinuation { (ended: CheckedContinuation<Int32, any Error>) in
            process.terminationHandler = { ended.resume(returning: $0.terminationStatus) }
            do { try process.run() } catch { ended.resume(throwing: error) }
        }
        guard status == 0 else { throw Failed(description: "\(command.joined(separator: " ")) ended with \(status)") }
    }
}
