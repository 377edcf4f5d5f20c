import Glibc

extension MetricsRegistry {
    /// Adds the standard `process_…` metrics, read from /proc.
    public func addProcessMetrics() {
        gauge("process_resident_memory_bytes", help: "Resident memory size in bytes.") {
            ProcessFacts.residentBytes.map { [Sample(Double($0))] } ?? []
        }
        gauge("process_open_fds", help: "Number of open file descriptors.") {
            ProcessFacts.openDescriptorCount.map { [Sample(Double($0))] } ?? []
        }
        counter("process_cpu_seconds_total", help: "Total user and system CPU time spent in seconds.") {
            [Sample(ProcessFacts.cpuSeconds)]
        }
    }
}

/// What the kernel says about this process. /proc is memory: reading it does not wait for a disk.
enum ProcessFacts {
    static var residentBytes: Int? {
        guard let file = fopen("/proc/self/statm", "r") else { return nil }
        defer { fclose(file) }
        var line = [CChar](repeating: 0, count: 128)
        guard fgets(&line, Int32(line.count), file) != nil else { return nil }
        let text = String(decoding: line.prefix { $0 != 0 }.map(UInt8.init(bitPattern:)), as: UTF8.self)
        let fields = text.split(separator: " ")
        guard fields.count > 1, let pages = Int(fields[1]) else { return nil }
        return pages.multipliedReportingOverflow(by: Int(getpagesize())).partialValue
    }

    static var openDescriptorCount: Int? {
        guard let folder = opendir("/proc/self/fd") else { return nil }
        defer { closedir(folder) }
        var count = 0
        while readdir(folder) != nil { count += 1 }
        return max(0, count - 3)  // ".", ".." and the folder itself
    }

    static var cpuSeconds: Double {
        var usage = rusage()
        getrusage(RUSAGE_SELF.rawValue, &usage)
        let micros = Double(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec)
        return Double(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) + micros / 1e6
    }
}
