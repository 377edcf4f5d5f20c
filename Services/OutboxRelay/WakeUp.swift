import Determinism
import PostgresClient
import ServiceLifecycle
import Synchronization
import TransactionalOutbox

/// Lets the relay sleep until the doorbell rings or its poll interval is over.
final class WakeUp: Service {
    private struct State {
        var isRung = false
        var waiter: CheckedContinuation<Void, Never>?
    }

    private let state = Mutex(State())
    private let pool: PostgresPool
    private let time: any TimeSource

    init(pool: PostgresPool, time: any TimeSource) {
        self.pool = pool
        self.time = time
    }

    func run() async throws {
        await cancelWhenGracefulShutdown {
            // A reconnect rings too: something may have been missed.
            for await _ in self.pool.listen(Doorbell.channel) { self.ring() }
        }
    }

    /// Returns at once when the bell rang since the last wait. For one waiter at a time.
    func wait(upTo limit: Duration) async {
        await withTaskGroup(of: Void.self) { group in
            group.addTask { await self.untilRung() }
            group.addTask { try? await self.time.sleep(for: limit) }
            await group.next()
            group.cancelAll()
        }
        state.withLock { $0.isRung = false }
    }

    private func untilRung() async {
        await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                let isOver = state.withLock { state in
                    guard !state.isRung, !Task.isCancelled else { return true }
                    state.waiter = continuation
                    return false
                }
                if isOver { continuation.resume() }
            }
        } onCancel: {
            state.withLock { $0.waiter.take() }?.resume()
        }
    }

    private func ring() {
        let waiter = state.withLock { state in
            state.isRung = true
            return state.waiter.take()
        }
        waiter?.resume()
    }
}
