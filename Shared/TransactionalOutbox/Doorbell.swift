public import Determinism
public import PostgresClient
public import ServiceLifecycle

/// Wakes the relay after a commit.
///
/// Never from inside the writing transaction: `NOTIFY` there takes a lock that is global to the
/// database and held through the commit, which serialises all writers. The bell rings on
/// another connection, at most once in five milliseconds: each ring is a commit, and right after one the relay looks by
/// itself. A ring lost in a crash costs one poll interval.
public final class Doorbell: Service, Sendable {
    private static let ring: Statement = "NOTIFY waybill_outbox"
    /// The channel the relay listens on.
    public static let channel = "waybill_outbox"

    private let interval = Duration.milliseconds(5)
    private let pool: PostgresPool
    private let time: any TimeSource
    private let rings: AsyncStream<Void>
    private let bell: AsyncStream<Void>.Continuation

    public init(pool: PostgresPool, time: any TimeSource) {
        self.pool = pool
        self.time = time
        (rings, bell) = AsyncStream.makeStream(bufferingPolicy: .bufferingNewest(1))
    }

    /// Asks for a ring. Returns at once; rings that come close together become one.
    public func ring() { bell.yield() }

    public func run() async throws {
        await cancelWhenGracefulShutdown {
            for await _ in self.rings {
                // A failed ring is not an error: the relay polls as well.
                _ = try? await self.pool.execute(Self.ring)
                try? await self.time.sleep(for: self.interval)
            }
        }
    }
}
