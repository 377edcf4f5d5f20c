import Determinism
import Glibc

/// Draws how far a transfer has come, on standard error and only if that is a terminal.
struct ProgressBar: Sendable {
    let path: String
    let meter: ProgressMeter
    let time: any TimeSource

    private static let interval = Duration.milliseconds(250)
    /// The rate is that of the last three seconds.
    private static let memory = 12

    func whileShown<Value: Sendable>(
        _ body: () async throws(ClientFailure) -> Value
    ) async throws(ClientFailure) -> Value {
        guard Output.isErrorTerminal else { return try await body() }
        let drawing = Task { await draw() }
        let result: Result<Value, ClientFailure>
        do throws(ClientFailure) { result = .success(try await body()) } catch { result = .failure(error) }
        drawing.cancel()
        await drawing.value
        return try result.get()
    }

    private func draw() async {
        var samples: [(at: Duration, done: Int64)] = []
        while !Task.isCancelled {
            let (reading, now) = (meter.reading, time.uptime)
            samples.append((now, reading.done))
            if samples.count > Self.memory { samples.removeFirst() }
            let line = ProgressLine(
                label: path.split(separator: "/").last.map(String.init) ?? path,
                reading: reading,
                bytesPerSecond: Self.rate(samples)
            )
            Output.show(line.text(width: Output.errorTerminalWidth))
            do { try await time.sleep(for: Self.interval) } catch { break }
        }
        Output.show("")
    }

    private static func rate(_ samples: [(at: Duration, done: Int64)]) -> Double? {
        guard let first = samples.first, let last = samples.last, last.at > first.at else { return nil }
        return Double(last.done - first.done) / (last.at - first.at).inSeconds
    }
}
