public import ObjectStore
public import ServiceLifecycle

/// Closes the store's connections when everything that uses them has stopped.
public struct StoreConnections: Service {
    private let store: S3Store

    public init(_ store: S3Store) { self.store = store }

    public func run() async throws {
        // Throws when the task is cancelled instead of shut down: the way out is the same.
        try? await gracefulShutdown()
        await store.shutdown()
    }
}
