import NIOCore
import ObjectStore
import Testing

/// What tests of a scripted store say again and again.
extension ScriptedStore {
    static let slowDown = "<Error><Code>SlowDown</Code><Message>m</Message></Error>"
    static let internalError = "<Error><Code>InternalError</Code><Message>m</Message></Error>"
    static let parts = [CompletedPart(number: 1, etag: "e")]
    static let oneByte = ObjectBody.bytes(ByteBuffer(string: "x"))
}

func recordUnexpected(_ what: String, at location: SourceLocation = #_sourceLocation) {
    Issue.record(Comment(rawValue: what), sourceLocation: location)
}

/// The failure the call ended with.
func storeFailure(_ call: () async throws -> Void) async -> StoreFailure? {
    do {
        try await call()
        return nil
    } catch {
        return error as? StoreFailure
    }
}

/// Yields nothing until its task is cancelled.
struct EndlessWait: AsyncSequence, Sendable {
    typealias Element = ByteBuffer
    struct Iterator: AsyncIteratorProtocol {
        func next() async throws -> ByteBuffer? {
            try await TestTime().sleep(for: .seconds(3600))
            return nil
        }
    }
    func makeAsyncIterator() -> Iterator { Iterator() }
}
