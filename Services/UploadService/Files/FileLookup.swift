import AccessTokens
import PostgresClient

import struct FoundationEssentials.UUID

/// Finds who a token speaks for and a file at the same time: both questions are one round trip, and one for many readers.
///
/// Nothing is remembered: a token that was revoked is refused at once.
struct FileLookup: Sendable {
    private struct Wish: Hashable {
        let token: [UInt8]
        let file: UUID?
    }
    private struct Answer {
        let caller: Result<Caller, DatabaseError>
        let file: Result<File, DatabaseError>?
    }

    private let lookup: SharedLookup<Wish, Answer, DatabaseError>

    init(on pool: PostgresPool) {
        lookup = SharedLookup(on: pool.taskExecutor) { wishes throws(DatabaseError) in
            let answers = try await pool.pipeline([
                TokenStore.finding(Array(Set(wishes.map(\.token)))),
                FileStore.finding(Array(Set(wishes.compactMap(\.file)))),
            ])
            guard answers.count == 2 else {
                throw .unexpectedResult("\(answers.count) answers to 2 questions")
            }
            let (callers, files) = (try TokenStore.callers(answers[0]), try FileStore.files(answers[1]))
            var found: [Wish: Answer] = [:]
            for wish in wishes {
                guard let caller = callers[wish.token] else { continue }
                found[wish] = Answer(caller: caller, file: wish.file.flatMap { files[$0] })
            }
            return found
        }
    }

    /// The file of whomever, with who asks for it: nil when the token is nobody's. What cannot be read is no file's fault but its own.
    func find(_ token: String, _ id: UUID?) async throws(DatabaseError) -> (
        caller: Caller, found: Result<File, DatabaseError>?
    )? {
        let wish = Wish(token: TokenStore.digest(of: token), file: id)
        guard let answer = try await lookup.find(wish) else { return nil }
        return (try answer.caller.get(), answer.file)
    }
}
