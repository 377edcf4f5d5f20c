internal import AccessTokens
internal import Foundation
internal import Logging
internal import NIOCore
public import ObjectStore
public import PostgresClient
internal import ServiceBootstrap
internal import Synchronization

/// A whole Waybill for one test or suite: two fresh databases, DevStore, DevBroker and the three services, each a child
/// process that can be stopped, killed, frozen and started again.
///
/// Everything it made is gone when `with` returns, and the kernel kills the children should the test process die.
public final class TestStack: Sendable {
    public let settings: StackSettings
    /// Connections of the test itself, past the services.
    public let uploadDatabase: PostgresPool
    public let indexerDatabase: PostgresPool
    /// libpq URIs, for psql and for programs a test starts itself.
    public let uploadDatabaseURL: String
    public let indexerDatabaseURL: String
    /// A token of tenant `acme`, principal `ann`, known to both services.
    public let token: String
    /// A token of tenant `acme`, principal `bob`.
    public let otherToken: String
    /// The services' only way to their databases, if the settings ask for one; the test's own connections do not pass it.
    public let databaseDoor: NetworkDoor?
    /// What the services were told to do, and answered.
    public let memory = StackMemory()

    let databases: StackDatabases
    let folder: String
    let running = Mutex<[StackProgram: TestProgram]>([:])
    /// Store and broker keep the port they were first given.
    let ports = Mutex<[StackProgram: Int]>([:])

    public static let bucket = "waybill"
    public static let accessKey = "test-access-key"
    public static let secretKey = "test-secret-key"

    /// Starts a stack, lends it, and removes it however `body` ends.
    ///
    /// - Throws: what `body` throws, and what the programs had to say.
    @discardableResult
    public static func with<Value: Sendable>(
        _ settings: StackSettings = StackSettings(),
        _ body: (TestStack) async throws -> Value
    ) async throws -> Value {
        let stack = try await TestStack(settings)
        do {
            try await stack.startAll()
            let value = try await body(stack)
            await stack.remove()
            return value
        } catch {
            let diagnosis = await stack.diagnosis()
            for program in stack.running.withLock({ $0.values }) { program.keepOutput() }
            await stack.remove()
            throw StackFailure("\(error)\n\(diagnosis)")
        }
    }

    /// What may tell why a test failed: what is still under way, and what the programs complained of last.
    public func diagnosis() async -> String {
        var lines = ((try? await lightEvidence())?.unrest ?? ["the stack cannot be looked at"]).prefix(20).map
        {
            "under way: \($0)"
        }
        for (program, child) in running.withLock({ $0 }) {
            if let exit = child.ended { lines.append("\(program.rawValue) has ended: \(exit)") }
            let complaints = child.output.split(separator: "\n").filter {
                !$0.contains(#""level":"info""#) && !$0.contains("CONFWARN")
            }
            lines += complaints.suffix(15).map { "\(program.rawValue): \($0.prefix(600))" }
        }
        return lines.joined(separator: "\n")
    }

    private init(_ settings: StackSettings) async throws {
        self.settings = settings
        folder = NSTemporaryDirectory() + "waybill-stack-" + String(SystemRandom().nextUInt64(), radix: 36)
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        databases = try await StackDatabases.create(on: settings.databaseServer ?? TestDatabase.url())
        databaseDoor = settings.hasDatabaseDoor ? try NetworkDoor(toDatabase: databases.upload) : nil
        uploadDatabaseURL = databases.upload
        indexerDatabaseURL = databases.indexer
        uploadDatabase = Self.pool(databases.upload)
        indexerDatabase = Self.pool(databases.indexer)
        token = newAccessToken(from: SystemRandom())
        otherToken = newAccessToken(from: SystemRandom())
    }

    private static func pool(_ url: String) -> PostgresPool {
        var settings = PostgresSettings(conninfo: url, applicationName: "waybill-test")
        settings.connectionLimit = 2
        settings.leaseWaitLimit = TestDatabase.patience
        settings.connectTimeout = TestDatabase.patience
        settings.statementTimeout = .seconds(30)
        return TestDatabase.makePool(settings)
    }

    private func startAll() async throws {
        try await start(.devStore)
        try await start(.devBroker)
        try await migrate(.uploadService)
        try await migrate(.indexerService)
        try await insertTokens()
        for program in [StackProgram.outboxRelay, .indexerService, .uploadService] {
            try await launch(program)
        }
        for program in [StackProgram.outboxRelay, .indexerService, .uploadService] {
            try await becomesReady(program)
        }
    }

    private func migrate(_ program: StackProgram) async throws {
        let command = try await TestCommand.run(
            program.rawValue,
            ["migrate"],
            environment: environment(of: program)
        )
        guard command.isSuccess else {
            throw StackFailure("\(program.rawValue) migrate failed: \(command.output)")
        }
    }

    private func insertTokens() async throws {
        for pool in [uploadDatabase, indexerDatabase] {
            for (token, principal) in [(token, "ann"), (otherToken, "bob")] {
                let caller = Caller(tenant: "acme", principal: principal, roles: [.user])
                try await TokenStore(pool).insert(token, for: caller)
            }
        }
    }

    private func remove() async {
        await withTaskGroup(of: Void.self) { group in
            for program in running.withLock({ $0.values }) {
                group.addTask { await program.kill() }
            }
        }
        databaseDoor?.close()
        await uploadDatabase.close()
        await indexerDatabase.close()
        await databases.drop()
        try? FileManager.default.removeItem(atPath: folder)
    }

    /// A client of the stack's bucket that may do everything. `body` must not let it escape.
    public func withStore<Value: Sendable>(
        _ body: (S3Store) async throws -> Value
    ) async throws -> Value {
        let settings = S3Settings(
            endpoint: try url(of: .devStore),
            bucket: Self.bucket,
            credentials: S3Credentials(accessKeyID: Self.accessKey, secretAccessKey: Self.secretKey)
        )
        let store = try S3Store(
            settings,
            time: SystemTime(),
            random: SystemRandom(),
            logger: Logger(label: "test.store") { _ in SwiftLogNoOpLogHandler() }
        )
        do {
            let value = try await body(store)
            await store.shutdown()
            return value
        } catch {
            await store.shutdown()
            throw error
        }
    }
}
