public import Determinism
public import Logging
import ServiceBootstrap
public import ServiceLifecycle

/// Marks the bucket once database and store answer. A bucket of another deployment ends the program.
public struct BucketClaim: Service {
    private let identity: BucketIdentity
    private let time: any TimeSource
    private let random: any RandomSource
    private let logger: Logger

    public init(
        _ identity: BucketIdentity,
        time: any TimeSource,
        random: any RandomSource,
        logger: Logger
    ) {
        self.identity = identity
        self.time = time
        self.random = random
        self.logger = logger
    }

    public func run() async throws {
        try await cancelWhenGracefulShutdown {
            while !Task.isCancelled {
                do { return try await identity.claim(time: time, random: random) } catch let mismatch
                    as ConfigurationError
                { throw mismatch } catch {
                    logger.warning("waiting to mark the bucket", metadata: ["error": "\(error)"])
                }
                try? await time.sleep(for: .seconds(1))
            }
        }
    }
}
