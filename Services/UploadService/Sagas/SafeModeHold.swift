import PostgresClient
import SagaEngine
import ServiceParts

extension SafeMode {
    /// To be called in the transaction of a step that destroys, or orders it: in safe mode the step waits, and nothing of it is
    /// written.
    static func hold(in tx: borrowing Transaction) async throws {
        if let pause = try await pause(in: tx) { throw StepFailure.waiting(pause) }
    }
}
