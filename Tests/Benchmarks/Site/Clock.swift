import ServiceBootstrap

/// The monotonic clock, where no task is there to wait.
enum Clock {
    static var uptime: Duration { SystemTime().uptime }
}
