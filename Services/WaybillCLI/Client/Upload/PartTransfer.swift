import Determinism

/// Sends parts, several at once, until all have arrived or one cannot.
struct PartTransfer: Sendable {
    let parallel: Int
    /// How long nothing may succeed.
    let patience: Duration
    let time: any TimeSource
    let random: any RandomSource
    /// One try. Must stop when its task is cancelled.
    let send: @Sendable (_ number: Int) async throws(ClientFailure) -> Void

    private struct Ended: Sendable {
        let attempt: PartSchedule.Attempt
        let begun: Duration
        let failure: ClientFailure?
    }

    func run(_ numbers: [Int]) async throws(ClientFailure) {
        let failure = await withTaskGroup(of: Ended.self) { group -> ClientFailure? in
            var schedule = PartSchedule(numbers, parallel: parallel, patience: patience)
            var failure: ClientFailure?
            while true {
                while failure == nil, let attempt = schedule.next() {
                    group.addTask { await carryOut(attempt) }
                }
                guard let ended = await group.next() else { return failure }
                guard failure == nil else { continue }
                failure = take(ended, into: &schedule)
                if failure != nil { group.cancelAll() }
            }
        }
        if let failure { throw failure }
    }

    private func carryOut(_ attempt: PartSchedule.Attempt) async -> Ended {
        var begun = time.uptime
        do throws(ClientFailure) {
            do { try await time.sleep(for: attempt.pause) } catch { throw .interrupted }
            begun = time.uptime
            try await send(attempt.number)
            return Ended(attempt: attempt, begun: begun, failure: nil)
        } catch { return Ended(attempt: attempt, begun: begun, failure: error) }
    }

    /// - Returns: what ends the transfer.
    private func take(_ ended: Ended, into schedule: inout PartSchedule) -> ClientFailure? {
        guard let failure = ended.failure else {
            schedule.succeeded()
            return nil
        }
        let goesOn = schedule.failed(
            ended.attempt,
            failure,
            begun: ended.begun,
            at: time.uptime,
            random
        )
        return goesOn ? nil : failure
    }
}
