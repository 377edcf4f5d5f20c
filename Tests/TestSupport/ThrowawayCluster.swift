internal import CSpawn
internal import Dispatch
internal import Foundation
public import PostgresClient

/// A PostgreSQL of its own in a temporary folder, for tests that stop the server. It listens on a Unix socket only.
public final class ThrowawayCluster: Sendable {
    public struct Failed: Error, CustomStringConvertible { public let description: String }

    private let folder: String
    private let binaries: String

    private init(folder: String, binaries: String) {
        self.folder = folder
        self.binaries = binaries
    }

    public static func with(_ body: (ThrowawayCluster) async throws -> Void) async throws {
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

    /// Its libpq URI.
    public var url: String { "postgresql://postgres@/postgres?host=\(folder)" }

    public var settings: PostgresSettings {
        PostgresSettings(
            conninfo: "host=\(folder) user=postgres dbname=postgres",
            applicationName: "waybill-test"
        )
    }

    /// - Parameter port: 0: no TCP. Otherwise on loopback, for TLS only, with the key and certificate that `makeCertificate` made.
    public func start(tlsPort port: Int = 0, _ settings: String = "") async throws {
        let network =
            port == 0
            ? "-c listen_addresses="
            : "-c listen_addresses=127.0.0.1 -p \(port) -c ssl=on -c ssl_cert_file=\(certificatePath) -c ssl_key_file=\(keyPath)"
        let options = "-k \(folder) \(network) -c fsync=off -c max_connections=50 \(settings)"
        try await asOwner(
            "pg_ctl",
            "-D",
            "\(folder)/data",
            "-l",
            "\(folder)/log",
            "-o",
            options,
            "-w",
            "start"
        )
    }

    public var certificatePath: String { "\(folder)/server.crt" }
    private var keyPath: String { "\(folder)/server.key" }

    /// Signed by itself, for 127.0.0.1.
    public func makeCertificate() async throws {
        try await run([
            "/usr/bin/openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj",
            "/CN=127.0.0.1",
            "-addext", "subjectAltName=IP:127.0.0.1", "-keyout", keyPath, "-out", certificatePath,
        ])
        if geteuid() == 0 { try await run(["/bin/chown", "postgres", keyPath, certificatePath]) }
        try await run(["/bin/chmod", "600", keyPath])
    }

    /// - Parameter mode: `fast` ends sessions politely, `immediate` is a crash.
    public func stop(_ mode: String) async throws {
        try await asOwner("pg_ctl", "-D", "\(folder)/data", "-m", mode, "-w", "stop")
    }

    /// Ends the server and starts it as its own replica that is promoted: the same data on a new timeline.
    public func failOver() async throws {
        try await stop("fast")
        try await run(["/bin/sh", "-c", ": > \(folder)/data/recovery.signal"])
        if geteuid() == 0 { try await run(["/bin/chown", "postgres", "\(folder)/data/recovery.signal"]) }
        // Without readers of a replica the server is only up once it is promoted.
        try await start("-c restore_command=/bin/false -c hot_standby=off")
    }

    /// Ends the server and starts it as a replica that follows nobody: it can be read, as it was, and not written.
    public func becomeReplica() async throws {
        try await stop("fast")
        try await run(["/bin/sh", "-c", ": > \(folder)/data/standby.signal"])
        if geteuid() == 0 { try await run(["/bin/chown", "postgres", "\(folder)/data/standby.signal"]) }
        try await start("-c restore_command=/bin/false")
    }

    /// A copy of its disk, as a volume's snapshot is one. The server must be stopped.
    ///
    /// - Returns: where it lies; it goes with the cluster.
    public func copyDisk() async throws -> String {
        let path = "\(folder)/\(UUID().uuidString).disk"
        try await run(["/bin/cp", "-a", "\(folder)/data", path])
        return path
    }

    /// Puts a copy in the place of what is there. The server must be stopped.
    public func putBack(_ copy: String) async throws {
        try await run(["/bin/rm", "-rf", "\(folder)/data"])
        try await run(["/bin/cp", "-a", copy, "\(folder)/data"])
    }

    /// A logical backup of everything, as of now.
    ///
    /// - Returns: where it lies; it goes with the cluster.
    public func dump() async throws -> String {
        let path = "\(folder)/\(UUID().uuidString).dump"
        try await asOwner("pg_dump", "-h", folder, "-U", "postgres", "-Fc", "-f", path, "postgres")
        return path
    }

    /// Puts a backup in the place of what is there.
    public func load(_ path: String) async throws {
        try await asOwner(
            "pg_restore",
            "-h",
            folder,
            "-U",
            "postgres",
            "--clean",
            "--if-exists",
            "-d",
            "postgres",
            path
        )
    }

    private func create() async throws {
        if geteuid() == 0 { try await run(["/bin/chown", "postgres", folder]) }
        try await asOwner(
            "initdb",
            "-D",
            "\(folder)/data",
            "-U",
            "postgres",
            "--auth=trust",
            "-E",
            "UTF8",
            "--no-sync"
        )
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

    /// Not Foundation's `Process`: it waits for the end of a socket that the daemonised server inherits and never closes.
    private func run(_ command: [String]) async throws {
        let status = await withCheckedContinuation { (ended: CheckedContinuation<Int32, Never>) in
            DispatchQueue(label: "cluster").async { ended.resume(returning: Self.spawnAndWait(command)) }
        }
        guard status == 0 else {
            throw Failed(description: "\(command.joined(separator: " ")) ended with \(status)")
        }
    }

    /// Blocks its thread. Output goes nowhere; the server's own log is in its folder.
    private static func spawnAndWait(_ command: [String]) -> Int32 {
        var actions = posix_spawn_file_actions_t()
        posix_spawn_file_actions_init(&actions)
        defer { posix_spawn_file_actions_destroy(&actions) }
        for descriptor: Int32 in 0...2 {
            posix_spawn_file_actions_addopen(&actions, descriptor, "/dev/null", O_RDWR, 0)
        }
        // The server outlives this call; connections of other tests are not to stay open because of it.
        posix_spawn_file_actions_addclosefrom_np(&actions, 3)
        let arguments = command.map { strdup($0) } + [nil]
        defer { for argument in arguments { free(argument) } }
        var pid: pid_t = 0
        let code = posix_spawn(&pid, command[0], &actions, nil, arguments, environ)
        guard code == 0 else { return code }
        var status: Int32 = 0
        while waitpid(pid, &status, 0) < 0 { guard errno == EINTR else { return errno } }
        return status
    }
}
