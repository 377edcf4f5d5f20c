internal import CLibpq
internal import Glibc

/// epoll and the eventfd that wakes it. Used by one thread, but for `wake`.
///
/// `@unchecked Sendable`: `wake` reads one constant, and whoever calls it holds a reference, so the descriptor is still open and
/// still ours.
final class Poller: @unchecked Sendable {
    struct Interest: OptionSet, Sendable {
        let rawValue: UInt32
        static let read = Interest(rawValue: EPOLLIN.rawValue)
        static let write = Interest(rawValue: EPOLLOUT.rawValue)
    }

    private struct Watch {
        let descriptor: Int32
        let ready: @Sendable () -> Void
    }

    private let wakeDescriptor: Int32
    private let epoll: Int32
    private let events = UnsafeMutablePointer<epoll_event>.allocate(capacity: eventLimit)
    /// By token, not by descriptor: a descriptor is reused as soon as it is closed, and a stale event must find nobody.
    private var watches: [UInt64: Watch] = [:]
    private var lastToken: UInt64 = 0
    private static let eventLimit = 128

    /// - Returns: nil when the process is out of file descriptors.
    init?() {
        epoll = epoll_create1(Int32(EPOLL_CLOEXEC))
        wakeDescriptor = eventfd(0, Int32(EFD_NONBLOCK | EFD_CLOEXEC))
        var event = epoll_event(events: EPOLLIN.rawValue, data: epoll_data_t(u64: 0))
        guard epoll >= 0, wakeDescriptor >= 0, epoll_ctl(epoll, EPOLL_CTL_ADD, wakeDescriptor, &event) == 0
        else { return nil }
    }

    deinit {
        events.deallocate()
        if epoll >= 0 { close(epoll) }
        if wakeDescriptor >= 0 { close(wakeDescriptor) }
    }

    func watch(_ descriptor: Int32, _ interest: Interest, _ ready: @escaping @Sendable () -> Void) -> UInt64?
    {
        lastToken &+= 1
        var event = epoll_event(events: interest.rawValue, data: epoll_data_t(u64: lastToken))
        guard epoll_ctl(epoll, EPOLL_CTL_ADD, descriptor, &event) == 0 else { return nil }
        watches[lastToken] = Watch(descriptor: descriptor, ready: ready)
        return lastToken
    }

    func modify(_ token: UInt64, _ interest: Interest) {
        guard let watch = watches[token] else { return }
        var event = epoll_event(events: interest.rawValue, data: epoll_data_t(u64: token))
        epoll_ctl(epoll, EPOLL_CTL_MOD, watch.descriptor, &event)
    }

    /// Harmless when the descriptor is already closed: the kernel has forgotten it then.
    func unwatch(_ token: UInt64) {
        guard let watch = watches.removeValue(forKey: token) else { return }
        epoll_ctl(epoll, EPOLL_CTL_DEL, watch.descriptor, nil)
    }

    /// Ends the wait under way, or the next one. From any thread.
    func wake() {
        var one: UInt64 = 1
        _ = write(wakeDescriptor, &one, 8)
    }

    /// Waits (-1: without limit) and calls who is ready. An interrupted wait is an early one.
    func poll(timeoutMilliseconds: Int32) {
        let count = epoll_wait(epoll, events, Int32(Self.eventLimit), timeoutMilliseconds)
        for index in 0..<max(0, Int(count)) {
            let token = events[index].data.u64
            guard token != 0 else {
                var value: UInt64 = 0
                _ = read(wakeDescriptor, &value, 8)
                continue
            }
            watches[token]?.ready()
        }
    }
}
