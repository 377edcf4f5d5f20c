import Determinism
import FaultPoints
import Foundation
import ObjectStore
import PostgresClient
import ServiceBootstrap
import ServiceParts
import Testing
import TransactionalOutbox

@testable import UploadService

/// A clock that is ahead of the others.
struct AheadTime: TimeSource {
    let base = SystemTime()
    let offset: Duration

    var now: Timestamp { base.now.advanced(by: offset) }
    var uptime: Duration { base.uptime }
    func sleep(for duration: Duration) async throws(CancellationError) { try await base.sleep(for: duration) }
}

extension Repairs {
    /// - Parameters:
    ///   - age: how long an object must have been seen.
    ///   - objectAge: how old it must be.
    ///   - clockAhead: how far this program's clock is off.
    func with(age: Duration, objectAge: Duration, clockAhead: Duration = .zero) -> Repairs {
        Repairs(
            pool: pool,
            store: store,
            bucket: bucket,
            doorbell: doorbell,
            time: clockAhead == .zero ? time : AheadTime(offset: clockAhead),
            random: random,
            figures: figures,
            logger: logger,
            quarantineAge: age,
            objectAge: objectAge,
            retention: retention,
            faults: faults,
            reaping: reaping,
            lookUp: lookUp
        )
    }
}
