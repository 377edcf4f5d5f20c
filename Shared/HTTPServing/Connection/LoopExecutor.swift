import NIOCore

/// Runs the task of a connection on the connection's own thread: between the socket and a handler nobody has to be woken.
///
/// What a handler computes delays other connections of that thread, as it would on Swift's own threads, of which there are as many.
final class LoopExecutor: TaskExecutor {
    private let loop: any EventLoop

    init(_ loop: any EventLoop) { self.loop = loop }

    func enqueue(_ job: consuming ExecutorJob) {
        let job = UnownedJob(job)
        loop.execute { job.runSynchronously(on: self.asUnownedTaskExecutor()) }
    }

    func asUnownedTaskExecutor() -> UnownedTaskExecutor { UnownedTaskExecutor(ordinary: self) }
}
