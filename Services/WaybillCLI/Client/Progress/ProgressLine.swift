/// What a progress bar says, as a function of what is known.
struct ProgressLine: Equatable, Sendable {
    let label: String
    let reading: ProgressMeter.Reading
    /// Over the last seconds; nil while there is nothing to tell yet.
    let bytesPerSecond: Double?

    /// - Parameter width: columns; the line is shorter by one, so that it never wraps.
    func text(width: Int) -> String {
        guard let total = reading.total else { return fitted("\(plain(label)): asking", width) }
        let done = min(max(0, reading.done), total)
        let percent = total == 0 ? 100 : Int(Double(done) / Double(total) * 100)
        var facts = "\(pad(percent, to: 3))% \(Self.amount(done)) of \(Self.amount(total))"
        if let bytesPerSecond, bytesPerSecond >= 1, done < total {
            let rest = Double(total - done) / bytesPerSecond
            facts += ", \(Self.amount(Int64(min(bytesPerSecond, 1e15))))/s, \(Self.time(rest)) left"
        } else if done == total {
            facts += ", waiting for the server"
        }
        let barWidth = min(20, width - facts.count - 16)
        let bar = barWidth >= 5 ? " " + Self.bar(done, of: total, width: barWidth) : ""
        let room = width - 1 - facts.count - bar.count - 1
        let name = String(plain(label).suffix(max(0, room)))
        return fitted("\(name)\(bar) \(facts)", width)
    }

    private func fitted(_ text: String, _ width: Int) -> String { String(text.prefix(max(0, width - 1))) }

    private func pad(_ number: Int, to width: Int) -> String {
        let digits = String(number)
        return String(repeating: " ", count: max(0, width - digits.count)) + digits
    }

    private static func bar(_ done: Int64, of total: Int64, width: Int) -> String {
        let filled = total == 0 ? width : Int(Double(done) / Double(total) * Double(width))
        return "[" + String(repeating: "#", count: filled) + String(repeating: ".", count: width - filled)
            + "]"
    }

    /// Such as `1.2 GiB`.
    static func amount(_ byteCount: Int64) -> String {
        var (amount, unit) = (Double(byteCount), "B")
        for larger in ["KiB", "MiB", "GiB", "TiB"] where amount >= 1_024 {
            amount /= 1_024
            unit = larger
        }
        guard unit != "B" else { return "\(byteCount) B" }
        let tenths = Int((amount * 10).rounded())
        return "\(tenths / 10).\(tenths % 10) \(unit)"
    }

    /// Such as `1:02:03`.
    static func time(_ seconds: Double) -> String {
        let whole = Int(min(max(0, seconds), 359_999))
        let (hours, minutes, rest) = (whole / 3_600, whole / 60 % 60, whole % 60)
        let ending = (rest < 10 ? "0" : "") + "\(rest)"
        guard hours > 0 else { return "\(minutes):\(ending)" }
        return "\(hours):" + (minutes < 10 ? "0" : "") + "\(minutes):\(ending)"
    }
}
