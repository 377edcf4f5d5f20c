import NIOPosix

/// Threads on which blocking file calls and hashing are allowed.
///
/// Every connection is served on them (a task executor preference), so handlers call the file system
/// directly and none of Swift's cooperative threads ever blocks.
final class IOThreads: TaskExecutor {
    private let pool: NIOThreadPool

    init(count: Int) {
        pool = NIOThreadPool(numberOfThreads: count)
        pool.start()
    }

    func enqueue(_ job: consuming ExecutorJob) {
        let job = UnownedJob(job)
        pool.submit { _ in job.runSynchronously(on: self.asUnownedTaskExecutor()) }
    }
}
