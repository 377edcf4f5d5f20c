import Determinism
import Foundation
import Logging
import NIOCore
import ObjectStore

/// Real time, moved by a fixed amount where a test wants a wrong clock.
struct TestTime: TimeSource {
    var offset: Duration = .zero

    var now: Timestamp {
        Timestamp(microsecondsSinceEpoch: Int64(Date().timeIntervalSince1970 * 1_000_000)).advanced(
            by: offset
        )
    }
    var uptime: Duration { ContinuousClock.now - Self.start }
    func sleep(for duration: Duration) async throws(CancellationError) {
        do { try await Task.sleep(for: duration) } catch { throw CancellationError() }
    }

    private static let start = ContinuousClock.now
}

struct TestRandom: RandomSource {
    func nextUInt64() -> UInt64 { UInt64.random(in: .min ... .max) }
}

struct StoreNotConfigured: Error, CustomStringConvertible {
    let description = "set WAYBILL_TEST_S3 to http://key:secret@host:port/bucket of an S3 store"
}

/// The store under test, from `WAYBILL_TEST_S3`. Its query names what the store enforces:
/// `?conditionalWrites&checksums&trailers`.
struct StoreFixture {
    let store: S3Store
    /// Keys of this test start with it.
    let prefix: String
    /// The store understands bodies with trailing checksums.
    let takesTrailers: Bool

    static func settings() throws -> (S3Settings, Set<String>) {
        guard let text = ProcessInfo.processInfo.environment["WAYBILL_TEST_S3"],
            let url = URLComponents(string: text), let key = url.user, let secret = url.password,
            let host = url.host, let scheme = url.scheme
        else { throw StoreNotConfigured() }
        let enforced = Set((url.queryItems ?? []).map(\.name))
        var settings = S3Settings(
            endpoint: "\(scheme)://\(host)\(url.port.map { ":\($0)" } ?? "")",
            bucket: String(url.path.dropFirst()),
            credentials: S3Credentials(accessKeyID: key, secretAccessKey: secret)
        )
        settings.profile.conditionalWritesEnforced = enforced.contains("conditionalWrites")
        settings.profile.checksumsEnforced = enforced.contains("checksums")
        return (settings, enforced)
    }

    /// A store for one test, closed afterwards.
    static func with<Value>(
        time: TestTime = TestTime(),
        _ change: (inout S3Settings) -> Void = { _ in },
        _ body: (StoreFixture) async throws -> Value
    ) async throws -> Value {
        var (settings, enforced) = try settings()
        change(&settings)
        let store = try S3Store(
            settings,
            time: time,
            random: TestRandom(),
            logger: Logger(label: "test")
        )
        do {
            try await store.createBucket()
            let prefix = "test-\(UUID().uuidString.lowercased())/"
            let value = try await body(
                StoreFixture(store: store, prefix: prefix, takesTrailers: enforced.contains("trailers"))
            )
            await store.shutdown()
            return value
        } catch {
            await store.shutdown()
            throw error
        }
    }
}

/// Pieces of a known pattern, so that a lost, doubled or moved piece shows.
struct Pattern: AsyncSequence, Sendable {
    typealias Element = ByteBuffer

    let count: Int
    var piece = 100_000
    /// Thrown after the last byte.
    var failure: (any Error)?

    struct Iterator: AsyncIteratorProtocol {
        let pattern: Pattern
        var offset = 0

        mutating func next() async throws -> ByteBuffer? {
            guard offset < pattern.count else {
                if let failure = pattern.failure { throw failure }
                return nil
            }
            let end = Swift.min(offset + pattern.piece, pattern.count)
            defer { offset = end }
            return Pattern.bytes(offset..<end)
        }
    }

    func makeAsyncIterator() -> Iterator { Iterator(pattern: self) }

    static func bytes(_ range: Range<Int>) -> ByteBuffer {
        // Copying whole periods keeps a debug build fast.
        let period = (0..<251).map { UInt8($0) }
        var buffer = ByteBufferAllocator().buffer(capacity: range.count + 502)
        buffer.writeBytes(period[(range.lowerBound % 251)...])
        while buffer.readableBytes < range.count { buffer.writeBytes(period) }
        return buffer.readSlice(length: range.count) ?? ByteBuffer()
    }

    static func bytes(count: Int) -> ByteBuffer { bytes(0..<count) }
}

struct PlannedFailure: Error, Equatable {}

extension DownloadBody {
    func all() async throws -> ByteBuffer {
        var whole = ByteBuffer()
        for try await var buffer in self { whole.writeBuffer(&buffer) }
        return whole
    }
}
