internal import Determinism
internal import ServiceBootstrap
internal import Synchronization

/// Clients that upload, read, delete, restore and purge as fast as they are answered, and judge each answer: who got a
/// 2xx must see its effect, bytes must be those that were sent, a version must not fall.
public final class StackLoad: Sendable {
    private struct State {
        var isOver = false
        var answerCount = 0
        var statuses: [Int: Int] = [:]
        var findings: [String] = []
    }

    private let stack: TestStack
    private let clientCount: Int
    private let seed: UInt64
    private let state = Mutex(State())

    public init(_ stack: TestStack, clientCount: Int, seed: UInt64 = 1) {
        self.stack = stack
        self.clientCount = clientCount
        self.seed = seed
    }

    /// Answers that cannot be true, one sentence each.
    public var findings: [String] { state.withLock { $0.findings } }
    /// How often each status was answered.
    public var statuses: [Int: Int] { state.withLock { $0.statuses } }

    /// Runs the clients until `body` has returned.
    public func run(_ body: () async throws -> Void) async throws {
        try await withThrowingTaskGroup(of: Void.self) { group in
            for number in 0..<clientCount {
                group.addTask { await self.work(number) }
            }
            let result: Result<Void, any Error>
            do { result = .success(try await body()) } catch { result = .failure(error) }
            state.withLock { $0.isOver = true }
            try await group.waitForAll()
            try result.get()
        }
    }

    /// Waits until `count` answers have come since the start.
    public func passes(_ count: Int, within limit: Duration = .seconds(60)) async throws {
        try await eventually(within: limit, "\(count) answers") { state.withLock { $0.answerCount >= count } }
    }

    /// Answers that have come since the start.
    public var answerCount: Int { state.withLock { $0.answerCount } }

    private func work(_ number: Int) async {
        var client = LoadClient(
            number: number,
            generator: SeededGenerator(seed: seed &* 1_000 &+ UInt64(number))
        )
        while !state.withLock({ $0.isOver }) {
            do {
                let status = try await client.step(stack) { found in
                    self.state.withLock { $0.findings.append(found) }
                }
                state.withLock {
                    $0.answerCount += 1
                    $0.statuses[status, default: 0] += 1
                }
            } catch {
                // No answer: the program is down, or the connection was cut. What was asked stays uncertain.
                try? await SystemTime().sleep(for: .milliseconds(20))
            }
        }
    }
}

private struct LoadFile {
    let id: String
    let name: String
    let bytes: [UInt8]
}

/// One client with files of its own.
private struct LoadClient {
    let number: Int
    var generator: SeededGenerator
    private var fileCount = 0
    private var files: [LoadFile] = []
    private var versions: [String: Int] = [:]
    /// What was not stored as far as is known, to be sent again.
    private var unsent: (name: String, bytes: [UInt8], mayExist: Bool)?

    init(number: Int, generator: SeededGenerator) {
        self.number = number
        self.generator = generator
    }

    /// - Returns: the status of the answer.
    mutating func step(_ stack: TestStack, _ report: (String) -> Void) async throws -> Int {
        guard let file = files.randomElement(using: &generator) else {
            return try await upload(stack, report)
        }
        switch Int.random(in: 0..<10, using: &generator) {
        case 0..<4: return try await upload(stack, report)
        case 4: return try await look(file.id, stack, report)
        case 5, 6: return try await read(file, stack, report)
        case 7: return try await delete(file, isPurge: false, stack, report)
        case 8: return try await stack.restore(file.id).status
        default: return try await delete(file, isPurge: true, stack, report)
        }
    }

    private mutating func upload(_ stack: TestStack, _ report: (String) -> Void) async throws -> Int {
        let (name, bytes, mayExist) = unsent ?? newFile()
        unsent = (name, bytes, true)
        let answer = try await stack.upload(name, bytes)
        switch (answer.status, answer.string("errorCode")) {
        case (201, _):
            unsent = nil
            for file in files where file.name == name && stack.memory[file.id]?.fate == .available {
                report("I10 \(name) was stored beside \(file.id)")
            }
            if let id = answer.string("id") { files.append(LoadFile(id: id, name: name, bytes: bytes)) }
        case (409, _):
            unsent = nil
            judge(name, bytes, answer, mayExist: mayExist, stack, report)
        case (_, "OUTCOME_UNKNOWN"): break
        default: unsent = (name, bytes, mayExist)
        }
        return answer.status
    }

    /// The name is taken: by a file that is known, or by what an unanswered request has stored.
    private mutating func judge(
        _ name: String,
        _ bytes: [UInt8],
        _ answer: HTTPAnswer,
        mayExist: Bool,
        _ stack: TestStack,
        _ report: (String) -> Void
    ) {
        // The other one may have gone between the refusal and the look at it.
        guard let id = answer.string("existing_id") else { return }
        let fate = stack.memory[id]?.fate
        if fate == nil, mayExist {
            stack.remember(id, name, bytes)
            files.append(LoadFile(id: id, name: name, bytes: bytes))
        } else if fate != .available, fate != .uncertain {
            report("I10 \(name) is taken by \(id), which is \(fate.map { "\($0)" } ?? "not known")")
        }
    }

    /// Few names, so that they are used again.
    private mutating func newFile() -> (String, [UInt8], Bool) {
        fileCount += 1
        let size = Int.random(in: 0..<40_000, using: &generator)
        let text = "client \(number) file \(fileCount) " + String(repeating: "x", count: size)
        return ("load-\(number)-\(Int.random(in: 0..<12, using: &generator))", Array(text.utf8), false)
    }

    private mutating func look(_ id: String, _ stack: TestStack, _ report: (String) -> Void) async throws
        -> Int
    {
        let answer = try await stack.facts(id)
        if answer.status == 200, let version = answer.integer("version") {
            if version < versions[id] ?? 0 {
                report("I20 \(id) fell from \(versions[id] ?? 0) to \(version)")
            }
            versions[id] = version
        }
        if answer.status == 404, stack.memory[id]?.fate == .available { report("I35 \(id) is not there") }
        return answer.status
    }

    private func read(_ file: LoadFile, _ stack: TestStack, _ report: (String) -> Void)
        async throws
        -> Int
    {
        let fate = stack.memory[file.id]?.fate
        let answer = try await stack.content(file.id)
        switch (answer.status, fate) {
        case (200, .deleted), (200, .purged): report("I36 content of \(file.id) after its delete")
        case (200, _) where answer.body != file.bytes: report("I1 other bytes of \(file.id)")
        case (404, .available): report("I35 no content of \(file.id)")
        default: break
        }
        return answer.status
    }

    private mutating func delete(
        _ file: LoadFile,
        isPurge: Bool,
        _ stack: TestStack,
        _ report: (String) -> Void
    ) async throws -> Int {
        let answer = try await stack.delete(file.id, purge: isPurge)
        if answer.status == 404 { report("I35 \(file.id) cannot be deleted: it is not there") }
        if isPurge, answer.status == 200 { files.removeAll { $0.id == file.id } }
        return answer.status
    }
}
