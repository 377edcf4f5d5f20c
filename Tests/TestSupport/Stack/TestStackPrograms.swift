public import FaultPoints
internal import Foundation
internal import Synchronization

extension TestStack {
    /// - Throws: when the program does not run.
    public func program(_ program: StackProgram) throws -> TestProgram {
        guard let running = running.withLock({ $0[program] }) else {
            throw StackFailure("\(program.rawValue) does not run")
        }
        return running
    }

    /// `http://127.0.0.1:PORT`, also of a program that is down.
    public func url(of program: StackProgram) throws -> String { "http://127.0.0.1:\(try port(of: program))" }

    public func port(of program: StackProgram) throws -> Int {
        guard let port = ports.withLock({ $0[program] }) else {
            throw StackFailure("\(program.rawValue) was never ready")
        }
        return port
    }

    /// Starts a program and waits until it is ready.
    public func start(_ program: StackProgram) async throws {
        try await launch(program)
        try await becomesReady(program)
    }

    /// Stops a program and starts it with more in its environment, until it is stopped again.
    public func restart(_ program: StackProgram, with extra: [String: String]) async throws {
        try await stop(program)
        try await launch(program, extra)
        try await becomesReady(program)
    }

    /// Starts a program that is to die at `point` (or, thrown, to fail one piece of work there). It may be dead already
    /// when this returns; otherwise it is ready.
    public func start(_ program: StackProgram, crashAt point: FaultPoint, mode: CrashOnce.Mode = .exit)
        async throws
    {
        try await launch(program, ["WAYBILL_CRASH_AT": "\(point.rawValue):\(mode.rawValue)"])
        try await becomesReady(program, orDies: true)
    }

    /// SIGTERM, and the exit.
    @discardableResult
    public func stop(_ program: StackProgram) async throws -> ProgramExit {
        let exit = try await self.program(program).terminate()
        running.withLock { $0[program] = nil }
        return exit
    }

    /// SIGKILL.
    public func kill(_ program: StackProgram) async throws {
        await (try self.program(program)).kill()
        running.withLock { $0[program] = nil }
    }

    /// Waits until a program has ended by itself.
    @discardableResult
    public func exit(of program: StackProgram, within limit: Duration = .seconds(30)) async throws
        -> ProgramExit
    {
        let exit = try await self.program(program).exit(within: limit)
        running.withLock { $0[program] = nil }
        return exit
    }

    /// Starts a second copy of a service beside the first, under no name: it lives as long as the value returned.
    public func startTwin(of program: StackProgram) async throws -> TestProgram {
        let portFile = "\(folder)/\(program.rawValue).twin.port"
        let twin = try await TestProgram.launch(
            program.rawValue,
            environment: environment(of: program).merging(["WAYBILL_PORT_FILE": portFile]) { _, new in new }
        )
        try await eventually(within: .seconds(60), "the twin of \(program.rawValue) is ready") {
            let port = try String(contentsOfFile: portFile, encoding: .utf8)
                .trimmingCharacters(in: .whitespacesAndNewlines)
            return try await TestCommand.run("/usr/bin/curl", ["-sf", "http://127.0.0.1:\(port)/readyz"])
                .isSuccess
        }
        return twin
    }

    /// The program keeps its connections and answers nobody, as if the machine was cut off.
    public func freeze(_ program: StackProgram) throws { try self.program(program).signal(SIGSTOP) }
    public func thaw(_ program: StackProgram) throws { try self.program(program).signal(SIGCONT) }

    /// Starts a program and waits for nothing.
    public func launch(_ program: StackProgram) async throws { try await launch(program, [:]) }

    /// Waits until a program that was launched answers requests, ready or not.
    public func listens(_ program: StackProgram) async throws {
        try await eventually(within: .seconds(60), "\(program.rawValue) listens") {
            guard let port = readPort(of: program) else { return false }
            ports.withLock { $0[program] = port }
            return true
        }
    }

    private func readPort(of program: StackProgram) -> Int? {
        guard let text = try? String(contentsOfFile: portFile(of: program), encoding: .utf8) else {
            return nil
        }
        return Int(text.trimmingCharacters(in: .whitespacesAndNewlines))
    }

    func launch(_ program: StackProgram, _ extra: [String: String]) async throws {
        let portFile = portFile(of: program)
        try? FileManager.default.removeItem(atPath: portFile)
        let child = try await TestProgram.launch(
            program.rawValue,
            try arguments(of: program),
            environment: environment(of: program).merging(extra) { _, new in new }
        )
        running.withLock { $0[program] = child }
    }

    /// - Parameter orDies: the program's end is as good as its readiness.
    func becomesReady(_ program: StackProgram, orDies: Bool = false) async throws {
        let child = try self.program(program)
        try await eventually(within: .seconds(60), "\(program.rawValue) is ready") {
            if child.ended != nil { return true }
            guard let port = readPort(of: program) else { return false }
            ports.withLock { $0[program] = port }
            return program.hasHTTP ? try await isReady(program) : true
        }
        if let exit = child.ended, !orDies {
            throw TestProgramFailure.ended(program.rawValue, exit, output: child.output)
        }
    }

    private func portFile(of program: StackProgram) -> String { "\(folder)/\(program.rawValue).port" }

    private func arguments(of program: StackProgram) throws -> [String] {
        switch program {
        case .devStore:
            try common(program) + [
                "--data", "\(folder)/store", "--bucket", Self.bucket,
                "--access-key", Self.accessKey, "--secret-key", Self.secretKey,
            ]
        case .devBroker:
            try common(program) + ["--topics", "waybill.files.v1:6,waybill.index.v1:6,waybill.side.v1:2"]
        case .outboxRelay, .indexerService, .uploadService: []
        }
    }

    /// The same port whenever it is started.
    private func common(_ program: StackProgram) throws -> [String] {
        let port = try ports.withLock { $0[program] } ?? freePort()
        return ["--port", "\(port)", "--port-file", portFile(of: program)]
    }

    /// As the services are told it.
    private func address(of database: String) -> String { databaseDoor?.address(of: database) ?? database }

    func environment(of program: StackProgram) throws -> [String: String] {
        guard program.hasHTTP else { return settings.environment(of: program) }
        var variables = [
            "WAYBILL_HTTP_PORT": "0",
            "WAYBILL_PORT_FILE": portFile(of: program),
            "KAFKA_BROKERS": "127.0.0.1:\(try port(of: .devBroker))",
            "KAFKA_SETTINGS": settings.kafka,
            "WAYBILL_LOG_LEVEL": "info",
        ]
        if program == .outboxRelay {
            variables["WAYBILL_OUTBOX_DATABASES"] =
                "upload=\(address(of: databases.upload)),indexer=\(address(of: databases.indexer))"
        } else {
            variables["WAYBILL_DATABASE_URL"] =
                address(of: program == .uploadService ? databases.upload : databases.indexer)
            variables["S3_ENDPOINT"] = try url(of: .devStore)
            variables["S3_BUCKET"] = Self.bucket
            variables["S3_PROFILE"] = "devstore"
            variables["AWS_ACCESS_KEY_ID"] = Self.accessKey
            variables["AWS_SECRET_ACCESS_KEY"] = Self.secretKey
        }
        return variables.merging(settings.environment(of: program)) { _, given in given }
    }
}
