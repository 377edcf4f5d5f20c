import ServiceBootstrap

/// What a survey has found so far.
struct LossReport: Sendable {
    /// Of the losses that an adoption would mend so many are listed, and of all others together so many; all are counted.
    let listLimit: Int
    var losses: [Loss] = []
    /// Why a source could not be compared, or not all of it.
    private(set) var skipped: [(source: String, reason: String)] = []
    private var counts: [Loss.Kind: Int64] = [:]
    private var (adoptableCount, otherCount) = (0, 0)

    init(listLimit: Int) { self.listLimit = listLimit }

    mutating func add(_ loss: Loss) {
        counts[loss.kind, default: 0] += 1
        // Beside files that only the index knows there must be room for what can be adopted.
        if loss.kind == .unknownObject, loss.proposal == .adopt {
            adoptableCount += 1
            guard adoptableCount <= listLimit else { return }
        } else {
            otherCount += 1
            guard otherCount <= listLimit else { return }
        }
        losses.append(loss)
    }

    mutating func skip(_ source: String, _ reason: String) { skipped.append((source, reason)) }

    /// `complete`, `counts` by kind, `skipped` by source, `losses`.
    var json: String {
        var json = Array("{\"complete\":\(skipped.isEmpty),\"counts\":{".utf8)
        let counts = Loss.Kind.allCases.map { "\"\($0.rawValue)\":\(self.counts[$0] ?? 0)" }
        json += "\(counts.joined(separator: ","))},\"skipped\":{".utf8
        for (index, (source, reason)) in skipped.enumerated() {
            json += "\(index > 0 ? "," : "")\"\(source)\":".utf8
            JSONText.append(reason, to: &json)
        }
        json += "},\"losses\":[".utf8
        for (index, loss) in losses.enumerated() {
            if index > 0 { json.append(UInt8(ascii: ",")) }
            loss.append(to: &json)
        }
        json += "]}".utf8
        return String(decoding: json, as: UTF8.self)
    }
}
