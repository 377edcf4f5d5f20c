import EventContracts
import Logging
import ObjectStore
import PostgresClient
import SagaEngine
import ServiceParts

/// Keeps what a restored database has brought back from being destroyed.
///
/// An order is void once a later epoch of versions has begun: it was given by a database that is no more, and the one in its
/// place may hold the file available. If bytes have to go all the same, that database orders it again under its own epoch. While
/// this service's own database is in safe mode every order waits: it may be one that was carried out, answered and outlived.
struct RemovalCaution: Sendable {
    let pool: PostgresPool
    let marks: EpochMarks
    let logger: Logger

    /// To be asked before anything is destroyed.
    ///
    /// - Parameter version: of the event that gave the order.
    /// - Returns: the newer epoch that makes the order void; nil when it counts.
    /// - Throws: `.waiting` in safe mode.
    func epoch(voiding version: Int64) async throws(StepFailure) -> Int64? {
        let pause: Duration?
        do { pause = try await SafeMode.pause(on: pool) } catch { throw .transient("\(error)") }
        if let pause { throw .waiting(pause) }
        let newest: Int64
        do { newest = try await marks.newest() } catch { throw .transient("object store: \(error)") }
        return FileVersion.epoch(of: version) < newest ? newest : nil
    }

    /// To be called before each step that destroys.
    ///
    /// - Parameter version: of the event that gave the order.
    /// - Throws: `.waiting` in safe mode; `.lost` when the order was void: its saga has ended, nothing was removed or answered.
    func check(_ version: Int64, _ handle: StepHandle) async throws(StepFailure) {
        guard let newest = try await epoch(voiding: version) else { return }
        try await abandon(version, newest, handle)
    }

    private func abandon(_ version: Int64, _ newest: Int64, _ handle: StepHandle) async throws(StepFailure) {
        do {
            try await pool.withTransaction { (tx: borrowing Transaction) async throws -> Void in
                try await handle.abandon(in: tx)
            }
        } catch .rolledBack(let failure as StepFailure) {
            throw failure
        } catch { throw .transient("\(error)") }
        logger.notice(
            "an order to remove bytes is void: it is of an earlier epoch",
            metadata: ["version": "\(version)", "epoch": "\(newest)"]
        )
        throw .lost
    }
}

extension StepFailure {
    /// Neither waiting nor another's claim is a failure that anybody must be told of.
    var isPause: Bool {
        switch self {
        case .waiting, .lost: true
        case .definite, .transient: false
        }
    }
}
