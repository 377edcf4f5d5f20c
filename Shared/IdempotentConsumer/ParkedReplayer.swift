import Determinism
import FaultPoints
import IdempotentInbox
import Logging

/// Carries out the replays operators ask for, in the process that has the handler. Any number may run.
struct ParkedReplayer<Handler: EventHandler>: Sendable {
    let replay: ParkedReplay<Handler>
    let time: any TimeSource
    let random: any RandomSource
    let faults: any Faults
    let logger: Logger

    /// How often requests are looked for while there are none.
    private var pollInterval: Duration { .seconds(1) }

    /// Returns when the task is cancelled.
    func run() async {
        while !Task.isCancelled {
            if await replayNext() { continue }
            try? await time.sleep(for: pollInterval / 2 + random.jitter(upTo: pollInterval))
        }
    }

    /// - Returns: whether there may be more to do at once.
    private func replayNext() async -> Bool {
        do {
            guard let place = try await replay.next() else { return false }
            try faults.reach(.beforeParkedReplayed)
            let outcome = try await replay.replay(place)
            try faults.reach(.afterParkedReplayed)
            if case .stillParked(let reason) = outcome {
                logger.error("parked record fails again", metadata: ["error": "\(reason)"])
            } else {
                logger.notice("parked record replayed", metadata: ["outcome": "\(outcome)"])
            }
            return true
        } catch {
            logger.warning("parked records wait to be replayed", metadata: ["error": "\(error)"])
            return false
        }
    }
}
