import Foundation
import TestSupport
import Testing

/// A little of everything: files come in, one is refused, one goes for good, one goes to the trash and back.
///
/// Requests may fail, for a program may die meanwhile; what was acknowledged is remembered by the stack. What was not is sent
/// again with its key in the next round.
struct Load {
    let stack: TestStack
    private var round = 0
    /// Names and texts of files that may be stored.
    private var unanswered: [String: String] = [:]
    /// Sessions that may be complete: the name, and the id the client chose.
    private var openSessions: [String: String] = [:]
    /// Sessions that were given up, as long as nobody has said so.
    private var abortedSessions: Set<String> = []
    private(set) var acknowledgedCount = 0

    init(_ stack: TestStack) { self.stack = stack }

    mutating func run() async {
        round += 1
        for (name, text) in unanswered { _ = await store(name, text) }
        let wrong = String(repeating: "0", count: 64)
        _ = try? await stack.upload(
            "refused-\(round)",
            [1, 2, 3],
            fields: ["x-content-sha256": wrong, "idempotency-key": "refused-\(round)"]
        )
        let purged = await store("purged-\(round)", "soon gone \(round)")
        let kept = await store("kept-\(round)", "stays for ever \(round)")
        if let kept {
            _ = try? await stack.delete(kept)
            _ = try? await stack.restore(kept)
        }
        if let purged { _ = try? await stack.delete(purged, purge: true) }
        await useSessions()
        _ = try? await stack.send(
            "POST",
            .uploadService,
            "/api/v1/files/batch-delete",
            fields: ["idempotency-key": "batch-\(round)"],
            body: Array(#"{"ids":["01900000-0000-7000-8000-000000000000"]}"#.utf8)
        )
    }

    /// - Returns: the id, once the program says that the file is stored.
    private mutating func store(_ name: String, _ text: String) async -> String? {
        unanswered[name] = text
        let answer = try? await stack.upload(name, Array(text.utf8), fields: ["idempotency-key": name])
        #expect(
            answer?.string("errorCode") != "FILE_ALREADY_EXISTS",
            "\(name) is stored, and its key does not know"
        )
        guard let answer, answer.status == 201 else { return nil }
        unanswered[name] = nil
        acknowledgedCount += 1
        return answer.string("id")
    }

    /// One by this service and one straight to the store; one is given up.
    private mutating func useSessions() async {
        openSessions["parts-\(round)"] = UUID().uuidString
        openSessions["direct-\(round)"] = UUID().uuidString
        await goOnWithSessions()
        let aborted = UUID().uuidString
        abortedSessions.insert(aborted)
        _ = try? await stack.openSession("aborted-\(round)", size: 10, id: aborted)
        await abortSessions()
    }

    private mutating func goOnWithSessions() async {
        for (name, id) in openSessions {
            let answer = try? await stack.uploadBySession(
                name,
                Array("part of \(name)".utf8),
                id: id,
                isDirect: name.hasPrefix("direct")
            )
            guard answer?.status == 200 else { continue }
            openSessions[name] = nil
            acknowledgedCount += 1
        }
    }

    /// Until it is told: also that of a session which was never opened.
    private mutating func abortSessions() async {
        for id in abortedSessions {
            guard let answer = try? await stack.abortSession(id), [200, 404].contains(answer.status) else {
                continue
            }
            abortedSessions.remove(id)
        }
    }

    /// No session is left that only its client could bring to an end.
    mutating func settle() async throws {
        try await eventually(within: .seconds(60), "every session has come to its end") {
            await goOnWithSessions()
            await abortSessions()
            return openSessions.isEmpty && abortedSessions.isEmpty
        }
    }
}
