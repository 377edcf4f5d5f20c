import Foundation
import Synchronization

/// One process is started at a time: what a child inherits is set for the whole process.
private let spawning = Mutex(())

extension Process {
    /// Starts the process with every signal as the system has it. Threads that run Swift's tasks block them all, and we ignore
    /// some; a child inherits both, and would then hear neither SIGTERM nor its own alarm.
    func runHearing() throws {
        try spawning.withLock { _ in
            var none = sigset_t()
            var blocked = sigset_t()
            sigemptyset(&none)
            let ignored = [SIGINT, SIGTERM, SIGPIPE].map { ($0, signal($0, SIG_DFL)) }
            pthread_sigmask(SIG_SETMASK, &none, &blocked)
            defer {
                pthread_sigmask(SIG_SETMASK, &blocked, nil)
                for (number, handler) in ignored { signal(number, handler) }
            }
            try run()
        }
    }
}
