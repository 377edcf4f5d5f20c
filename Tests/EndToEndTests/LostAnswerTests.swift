import TestSupport
import Testing

/// Each transaction in the life of a file is committed once without anybody being told.
@Suite("I2 I32 a commit whose answer was lost is neither forgotten nor repeated", .timeLimit(.minutes(3)))
struct LostAnswerTests {
    /// What the transactions write, by which they are known: sagas that begin, and events.
    private static let marks = [
        "upload.v1", "file.stored", "index.v1", "file.indexed", "file.deleted", "file.restored",
        "file.purging", "removal.v1", "file.bytes_removed", "file.purged", "upload.discarded",
        "upload.bytes_removed",
    ]

    @Test(arguments: [0, 1]) func aWholeLife(_ half: Int) async throws {
        var settings = StackSettings()
        settings.hasDatabaseDoor = true
        try await TestStack.with(settings) { stack in
            let door = try #require(stack.databaseDoor)
            for (number, mark) in Self.marks.enumerated() where number % 2 == half {
                let lost = door.lostCommitCount
                door.loseCommitAnswer(after: mark)
                try await live(stack, "life\(number)", isReservationLost: mark == "upload.v1")
                try await eventually(within: .seconds(20), "the commit of \(mark) is lost") {
                    door.lostCommitCount == lost + 1
                }
            }
            try await stack.isSound()
        }
    }

    /// A file comes, is found, goes, comes back and goes for good; another is refused.
    private func live(_ stack: TestStack, _ word: String, isReservationLost: Bool) async throws {
        // Not its name, which is found before the bytes are.
        let bytes = Array("A numbat in its \(word).".utf8)
        var answer = try await stack.upload("name", bytes)
        if isReservationLost {
            // Its row is there and nobody drives it: whoever looks after such rows discards it.
            #expect(answer.status == 503, "\(answer.text)")
            answer = try await stack.upload("name", bytes)
        }
        #expect(answer.status == 201, "\(word): \(answer.text)")
        let id = try #require(answer.string("id"))
        try await stack.searchFinds(word, [id])
        try await change { try await stack.delete(id) }
        try await change { try await stack.restore(id) }
        try await stack.searchFinds(word, [id])
        try await change { try await stack.delete(id, purge: true) }
        let refused = try await stack.upload("refused", [1], fields: TestStack.wrongDigest)
        #expect(refused.status == 422, "\(word): \(refused.text)")
    }

    /// Who is told that the outcome is unknown asks once more, and is told.
    private func change(_ ask: () async throws -> HTTPAnswer) async throws {
        let answer = try await ask()
        guard answer.string("errorCode") == "OUTCOME_UNKNOWN" else {
            #expect(answer.status == 200, "\(answer.text)")
            return
        }
        #expect(answer.status == 503)
        #expect(answer.fields["retry-after"] != nil)
        #expect(try await ask().status == 200)
    }

    /// Each item of a batch tells the truth, whatever became of the one before.
    @Test func aBatch() async throws {
        var settings = StackSettings()
        settings.hasDatabaseDoor = true
        try await TestStack.with(settings) { stack in
            let door = try #require(stack.databaseDoor)
            var ids: [String] = []
            for number in 0..<6 { ids.append(try await stack.store("file \(number)", "One of six.")) }
            door.loseCommitAnswer(after: "\(ids[2]).2")
            let first = try await deleteAll(stack, ids)
            #expect(first == ["200", "200", "OUTCOME_UNKNOWN", "NOT_TRIED", "NOT_TRIED", "NOT_TRIED"])
            for (number, id) in ids.enumerated() {
                #expect(try await stack.facts(id).status == (number < 3 ? 404 : 200), "\(number)")
            }
            #expect(try await deleteAll(stack, ids) == Array(repeating: "200", count: 6))
            for id in ids { stack.memory.setFate(.deleted, of: id) }
            try await stack.isSound()
        }
    }

    /// - Returns: of each item the error code or, without one, the status.
    private func deleteAll(_ stack: TestStack, _ ids: [String]) async throws -> [String] {
        let list = ids.map { "\"\($0)\"" }.joined(separator: ",")
        let answer = try await stack.send(
            "POST",
            .uploadService,
            "/api/v1/files/batch-delete",
            fields: ["content-type": "application/json"],
            body: Array(#"{"ids":[\#(list)]}"#.utf8)
        )
        #expect(answer.status == 207, "\(answer.text)")
        let items = answer.json["items"] as? [[String: Any]] ?? []
        return items.map { item in
            let error = item["error"] as? [String: Any] ?? item
            return error["errorCode"] as? String ?? "\(item["status"] ?? "-")"
        }
    }

    /// What the store did is looked up.
    @Test func theStoreDoesNotSayThatItHasTheBytes() async throws {
        try await TestStack.with { stack in
            try await stack.addFaults(
                #"[{"method":"PUT","action":"dropAfter","count":1},{"method":"POST","query":"uploadId","action":"dropAfter","count":1}]"#
            )
            let large = Array(repeating: UInt8(ascii: "l"), count: 9 << 20)
            #expect(try await stack.upload("small", [1, 2, 3]).status == 201)
            #expect(try await stack.upload("large", large, isLengthKnown: false).status == 201)
            #expect(try await stack.clearFaults() == [1, 1])
            try await stack.isSound()
        }
    }
}
