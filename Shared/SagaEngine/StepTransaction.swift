public import PostgresClient

extension PostgresPool {
    /// Runs the transaction of one step. A `StepFailure` that `body` throws passes; whatever else goes wrong means
    /// that the step is looked at and tried again.
    public func withStepTransaction(
        _ body: (borrowing Transaction) async throws -> StepReceipt
    ) async throws(StepFailure) -> StepReceipt {
        do {
            return try await withTransaction { (tx: borrowing Transaction) async throws -> StepReceipt in
                try await body(tx)
            }
        } catch .rolledBack(let failure as StepFailure) {
            throw failure
        } catch { throw .transient("\(error)") }
    }
}
