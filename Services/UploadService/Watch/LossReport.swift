import Determinism
import ServiceBootstrap

/// What a survey has found so far.
struct LossReport: Sendable {
    /// When it was begun, by the database's clock.
    let begunAt: Timestamp
    /// Of each of three sorts so many are listed: objects to be adopted, files that only the index knows, and all others; all are
    /// counted.
    let listLimit: Int
    var losses: [Loss] = []
    /// Why a source could not be compared, or not all of it.
    private(set) var skipped: [(source: String, reason: String)] = []
    private var counts: [Loss.Kind: Int64] = [:]
    private var listed: [Sort: Int] = [:]
    /// Whether some were only counted.
    private var (hasUnlistedObjects, hasUnlistedFiles) = (false, false)

    private enum Sort { case adoptable, unknownFile, other }

    init(begunAt: Timestamp, listLimit: Int) {
        self.begunAt = begunAt
        self.listLimit = listLimit
    }

    /// Whether an object more that nobody knows would be listed, were it to be adopted.
    var hasRoomForObjects: Bool { listed[.adoptable, default: 0] < listLimit }

    mutating func add(_ loss: Loss) {
        counts[loss.kind, default: 0] += 1
        let sort: Sort =
            switch (loss.kind, loss.proposal) {
            case (.unknownObject, .adopt): .adoptable
            case (.unknownFile, _): .unknownFile
            default: .other
            }
        guard listed[sort, default: 0] < listLimit else {
            if sort == .unknownFile { hasUnlistedFiles = true }
            return
        }
        listed[sort, default: 0] += 1
        losses.append(loss)
    }

    /// One more object that nobody knows, which is not listed.
    mutating func countObject() {
        counts[.unknownObject, default: 0] += 1
        hasUnlistedObjects = true
    }

    /// Whether more was lost than is listed, so that it must be looked for again once what is listed is adopted. Files that cannot be adopted make no
    /// room.
    var isListFull: Bool {
        hasUnlistedObjects
            || hasUnlistedFiles && losses.contains { $0.kind == .unknownFile && $0.proposal != .look }
    }

    mutating func skip(_ source: String, _ reason: String) { skipped.append((source, reason)) }

    /// `begun_at`, `complete`, `list_full`, `counts` by kind, `skipped` by source, `losses`.
    var json: String {
        var json = Array("{\"begun_at\":\"\(begunAt.rfc3339)\",".utf8)
        json += "\"complete\":\(skipped.isEmpty),\"list_full\":\(isListFull),\"counts\":{".utf8
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
