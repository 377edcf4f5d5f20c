import NIOPosix

/// Runs what waits for a disk on threads that may wait; Swift's own must not.
func blocking<Value: Sendable>(
    _ work: @escaping @Sendable () throws(ClientFailure) -> Value
) async throws(ClientFailure) -> Value {
    let result: Result<Value, ClientFailure>
    do {
        result = try await NIOThreadPool.singleton.runIfActive {
            do throws(ClientFailure) { return .success(try work()) } catch { return .failure(error) }
        }
    } catch {
        // The pool is never shut down, so the task was cancelled before its turn came.
        throw .interrupted
    }
    return try result.get()
}
