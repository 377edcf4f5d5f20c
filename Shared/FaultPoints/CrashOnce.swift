#if DEBUG
    import Glibc
    import Synchronization

    /// Crashes the first time one point is reached, and remembers every point that was.
    public final class CrashOnce: Faults {
        /// How to crash.
        public enum Mode: String, CaseIterable, Sendable {
            /// `InjectedCrash` is thrown: the work in hand fails, the process lives.
            case `throw`
            /// The process ends at once with status 137, as after `kill -9`: no `defer`, no `catch`, no flush.
            case exit
        }

        private let pending: Mutex<FaultPoint?>
        private let seen = Mutex<Set<FaultPoint>>([])
        private let mode: Mode

        /// - Parameter point: nil only records what is reached.
        public init(at point: FaultPoint?, mode: Mode) {
            pending = Mutex(point)
            self.mode = mode
        }

        /// Reads `point` or `point:mode`, for example `afterObjectPut` or `afterObjectPut:throw`. The mode is `exit` when
        /// not given: a main program is told of its crash point through its environment in order to die there.
        /// - Returns: nil for an unknown point or mode.
        public convenience init?(_ text: String) {
            let parts = text.split(separator: ":", maxSplits: 1, omittingEmptySubsequences: false)
            guard let name = parts.first, let point = FaultPoint(rawValue: String(name)) else { return nil }
            guard let mode = parts.count == 2 ? Mode(rawValue: String(parts[1])) : .exit else { return nil }
            self.init(at: point, mode: mode)
        }

        public var reached: Set<FaultPoint> { seen.withLock { $0 } }

        /// The line that standard error gets when a crash is due, for whoever watches the program from outside.
        public static func announcement(of point: FaultPoint) -> String {
            "injected crash at \(point.rawValue)"
        }

        public func reach(_ point: FaultPoint) throws(InjectedCrash) {
            _ = seen.withLock { $0.insert(point) }
            let isDue = pending.withLock { next in
                guard next == point else { return false }
                next = nil
                return true
            }
            guard isDue else { return }
            var announcement = Self.announcement(of: point) + "\n"
            _ = announcement.withUTF8 { write(STDERR_FILENO, $0.baseAddress, $0.count) }
            switch mode {
            case .throw: throw InjectedCrash(point: point)
            case .exit: _exit(137)
            }
        }
    }
#endif
