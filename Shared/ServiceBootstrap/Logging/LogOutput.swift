import Dispatch
import Glibc
import Synchronization

/// Where log lines go. Callers never wait for the file descriptor: lines are handed to a queue of their own.
public final class LogOutput: Sendable {
    private struct State {
        var pending: [UInt8] = []
        var lostLineCount = 0
        var isDraining = false
        var isFlushing = false
    }

    private let descriptor: Int32
    private let pendingByteLimit: Int
    private let state = Mutex(State())
    // A blocked pipe may hold this queue's thread, never one of Swift's cooperative threads.
    private let queue = DispatchQueue(label: "waybill.log")

    /// - Parameters:
    ///   - descriptor: 1 for standard output, 2 for standard error; not closed.
    ///   - pendingByteLimit: when the reader of the log is this far behind, lines are dropped and counted.
    public init(descriptor: Int32, pendingByteLimit: Int = 8 << 20) {
        self.descriptor = descriptor
        self.pendingByteLimit = pendingByteLimit
    }

    /// Appends one line, its line feed included.
    func write(_ line: [UInt8]) {
        let mustStart = state.withLock { state in
            guard state.pending.count + line.count <= pendingByteLimit else {
                state.lostLineCount += 1
                return false
            }
            state.pending += line
            defer { state.isDraining = true }
            return !state.isDraining
        }
        if mustStart { queue.async { self.drain() } }
    }

    /// Waits until everything handed over so far is written. For the end of a program only.
    public func flush() {
        state.withLock { $0.isFlushing = true }
        queue.sync { if let bytes = takePending() { writeAll(bytes) } }
        state.withLock { $0.isFlushing = false }
    }

    /// Lines that come one upon another are written together, at most five milliseconds late: nobody is woken for each.
    private func drain() {
        while !makesWay(), let bytes = takePending() {
            writeAll(bytes)
            usleep(5_000)
        }
    }

    /// Whoever waits for the end of the log must not wait for those who go on writing.
    private func makesWay() -> Bool {
        state.withLock { state in
            if state.isFlushing { state.isDraining = false }
            return state.isFlushing
        }
    }

    private func takePending() -> [UInt8]? {
        state.withLock { state in
            guard !state.pending.isEmpty || state.lostLineCount > 0 else {
                state.isDraining = false
                return nil
            }
            var bytes = state.pending
            if state.lostLineCount > 0 {
                bytes +=
                    "{\"level\":\"warning\",\"msg\":\"log lines were dropped\",\"count\":\(state.lostLineCount)}\n"
                    .utf8
            }
            state.pending = []
            state.lostLineCount = 0
            return bytes
        }
    }

    private func writeAll(_ bytes: [UInt8]) {
        var offset = 0
        while offset < bytes.count {
            let written = bytes.withUnsafeBytes { unsafe in
                Glibc.write(descriptor, unsafe.baseAddress?.advanced(by: offset), bytes.count - offset)
            }
            if written > 0 {
                offset += written
            } else if written < 0, errno == EINTR {
                continue
            } else if written < 0, errno == EAGAIN {
                waitUntilWritable()
            } else {
                return  // Nobody can be told: the place for telling is gone.
            }
        }
    }

    private func waitUntilWritable() {
        var entry = pollfd(fd: descriptor, events: Int16(POLLOUT), revents: 0)
        _ = poll(&entry, 1, 1_000)
    }
}
