import Dispatch
import Foundation
import Synchronization
import Testing

@testable import ServiceBootstrap

@Suite("The log is flushed while others go on writing")
struct LogOutputTests {
    private final class Writers: Sendable {
        let lineCount = Atomic(0)
        let areOver = Atomic(false)
    }

    private static let line = Array("a line of those who go on\n".utf8)
    private static let last = "the last line of the program\n"

    @Test(.timeLimit(.minutes(1))) func aFlushComesToItsEndAndNothingIsLost() async throws {
        let path = NSTemporaryDirectory() + "waybill-log-" + UUID().uuidString
        let descriptor = open(path, O_CREAT | O_WRONLY | O_APPEND | O_CLOEXEC, 0o600)
        try #require(descriptor >= 0)
        defer {
            close(descriptor)
            unlink(path)
        }
        let output = LogOutput(descriptor: descriptor)
        let writers = Writers()
        let text = try await withThrowingTaskGroup(of: Void.self) { group in
            for _ in 0..<4 {
                group.addTask {
                    while !writers.areOver.load(ordering: .relaxed) {
                        output.write(Self.line)
                        writers.lineCount.add(1, ordering: .relaxed)
                        await Task.yield()
                    }
                }
            }
            while writers.lineCount.load(ordering: .relaxed) < 1_000 { await Task.yield() }
            output.write(Array(Self.last.utf8))
            // Before the others have stopped.
            await Self.flush(output)
            let text = try String(contentsOfFile: path, encoding: .utf8)
            writers.areOver.store(true, ordering: .relaxed)
            try await group.waitForAll()
            return text
        }
        #expect(text.contains(Self.last))
        await Self.flush(output)
        let lines = try String(contentsOfFile: path, encoding: .utf8).split(separator: "\n")
        #expect(lines.count == writers.lineCount.load(ordering: .relaxed) + 1)
    }

    /// It blocks: not on one of the threads of Swift's tasks.
    private static func flush(_ output: LogOutput) async {
        await withCheckedContinuation { continuation in
            DispatchQueue.global().async {
                output.flush()
                continuation.resume()
            }
        }
    }
}
