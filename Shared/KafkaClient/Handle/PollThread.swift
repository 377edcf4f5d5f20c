import CRdkafka
import Glibc

/// A thread of its own for calls of librdkafka that block. Never one of Swift's cooperative threads.
enum PollThread {
    private final class Work {
        let body: @Sendable () -> Void
        init(_ body: @escaping @Sendable () -> Void) { self.body = body }
    }

    /// Runs `body` once. The thread frees itself when `body` returns.
    ///
    /// - Throws: when the system has no thread left; then `body` never runs.
    static func start(_ body: @escaping @Sendable () -> Void) throws(KafkaError) {
        let work = Unmanaged.passRetained(Work(body))
        var thread = pthread_t()
        let status = pthread_create(
            &thread,
            nil,
            { argument in
                guard let argument else { return nil }
                Unmanaged<Work>.fromOpaque(argument).takeRetainedValue().body()
                return nil
            },
            work.toOpaque()
        )
        guard status == 0 else {
            work.release()
            throw KafkaError(
                RD_KAFKA_RESP_ERR__CRIT_SYS_RESOURCE,
                message: "no thread could be started (\(status))"
            )
        }
        pthread_detach(thread)
    }
}
