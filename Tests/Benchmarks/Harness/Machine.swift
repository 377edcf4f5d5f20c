import Determinism
import Foundation
import ServiceBootstrap

/// Where and when the rounds ran.
struct Machine: Encodable, Sendable, CustomStringConvertible {
    let at: String
    let processor: String
    let coreCount: Int
    let memoryGiB: Int
    /// Of the minute before the first round, per core: over a tenth somebody else was at work.
    let loadPerCore: Double
    /// Part of the full sizes the rows were run with.
    let scale: Double

    init(scale: Double) {
        let info = ProcessInfo.processInfo
        at = SystemTime().now.rfc3339
        let lines =
            (try? String(contentsOfFile: "/proc/cpuinfo", encoding: .utf8))?.split(separator: "\n") ?? []
        let model = lines.first { $0.hasPrefix("model name") }?.split(separator: ":").last
        processor = model.map { $0.trimmingCharacters(in: .whitespaces) } ?? "unknown"
        coreCount = info.activeProcessorCount
        memoryGiB = Int(info.physicalMemory >> 30)
        let load = (try? String(contentsOfFile: "/proc/loadavg", encoding: .utf8))?.split(separator: " ")
            .first
        loadPerCore = (load.flatMap { Double($0) } ?? 0) / Double(max(1, info.activeProcessorCount))
        self.scale = scale
    }

    var description: String {
        "\(at)  \(processor), \(coreCount) cores, \(memoryGiB) GiB; load before \(Figure.text(loadPerCore)) per core"
            + (scale == 1 ? "" : "; sizes × \(Figure.text(scale))")
    }
}
