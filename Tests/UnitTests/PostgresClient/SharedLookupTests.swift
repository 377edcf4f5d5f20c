import Synchronization
import TestSupport
import Testing

@testable import PostgresClient

@Suite("Shared lookups")
struct SharedLookupTests {
    private struct Unreachable: Error {}

    /// Answers when it is told to.
    private final class Source: Sendable {
        struct Question {
            let keys: Set<Int>
            let answer: CheckedContinuation<Result<[Int: String], Unreachable>, Never>
        }
        let questions = Mutex<[Question]>([])

        func lookup() -> SharedLookup<Int, String, Unreachable> {
            SharedLookup(on: nil) { keys throws(Unreachable) in
                try await withCheckedContinuation { continuation in
                    self.questions.withLock { $0.append(Question(keys: keys, answer: continuation)) }
                }.get()
            }
        }

        /// The keys of each question that waits for its answer.
        func waiting(_ count: Int) async throws -> [Set<Int>] {
            try await eventually("\(count) questions") { self.questions.withLock { $0.count } == count }
            return questions.withLock { $0.map(\.keys) }
        }

        func answerFirst(_ result: Result<[Int: String], Unreachable>) {
            questions.withLock { $0.removeFirst() }.answer.resume(returning: result)
        }
    }

    @Test func whatComesWhileTheLanesAreTakenIsAskedTogether() async throws {
        let source = Source()
        let lookup = source.lookup()
        let first = Task { try await lookup.find(1) }
        _ = try await source.waiting(1)
        let second = Task { try await lookup.find(1) }
        // The same key again: the answer under way may be older than this wish.
        #expect(try await source.waiting(2) == [[1], [1]])
        let others = Task { try await ask(lookup, [2, 3, 3, 4]) }
        try await eventually("four in line") { lookup.waitingCount == 4 }
        source.answerFirst(.success([1: "old"]))
        #expect(try await first.value == "old")
        #expect(try await source.waiting(2) == [[1], [2, 3, 4]])
        source.answerFirst(.success([1: "new"]))
        #expect(try await second.value == "new")
        source.answerFirst(.success([2: "two", 3: "three"]))
        #expect(try await others.value == ["three", "three", "two", nil])
    }

    @Test func aFailureIsToldToThoseItConcerns() async throws {
        let source = Source()
        let lookup = source.lookup()
        let first = Task { try await lookup.find(1) }
        _ = try await source.waiting(1)
        let second = Task { try await lookup.find(2) }
        _ = try await source.waiting(2)
        source.answerFirst(.failure(Unreachable()))
        await #expect(throws: Unreachable.self) { try await first.value }
        source.answerFirst(.success([2: "two"]))
        #expect(try await second.value == "two")
        // The lanes are free again.
        let third = Task { try await lookup.find(3) }
        _ = try await source.waiting(1)
        source.answerFirst(.success([3: "three"]))
        #expect(try await third.value == "three")
    }

    /// Sorted, those without a value last.
    private func ask(_ lookup: SharedLookup<Int, String, Unreachable>, _ keys: [Int]) async throws
        -> [String?]
    {
        try await withThrowingTaskGroup(of: String?.self) { group in
            for key in keys { group.addTask { try await lookup.find(key) } }
            var answers: [String?] = []
            for try await answer in group { answers.append(answer) }
            return answers.sorted { ($0 ?? "~") < ($1 ?? "~") }
        }
    }
}
