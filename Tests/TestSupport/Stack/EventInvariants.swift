/// I12–I16 and I20: rows and records.
extension Evidence {
    var eventViolations: [Violation] {
        var found: [Violation] = []
        let rows = Dictionary(files.map { ($0.id, $0) }) { first, _ in first }
        let discarded = Dictionary(uploads.filter(\.isDoomed).map { ($0.fileID, $0) }) { first, _ in first }
        let byKey = Dictionary(grouping: records, by: \.key)
        for file in files {
            let versions = Set(byKey[file.id]?.map(\.version) ?? [])
            for version in 1...max(1, file.version) where !versions.contains(version) {
                found.append(Violation("I13", file.id, "no event of version \(version)"))
            }
        }
        for upload in discarded.values where byKey[upload.fileID] == nil {
            found.append(Violation("I13", upload.fileID, "no event of the discarded upload \(upload.id)"))
        }
        for (key, records) in byKey {
            guard let row = rows[key] else {
                if discarded[key] == nil || records.contains(where: { $0.type != "upload.discarded" }) {
                    found.append(Violation("I14", key, "\(records[0].type) of what has no such row"))
                }
                continue
            }
            for record in records where record.version > row.version || record.version < 1 {
                let seen = "\(record.type) of version \(record.version), the row is at \(row.version)"
                found.append(Violation("I14", key, seen))
            }
            let newest = records.filter { $0.version == row.version }.map(\.type)
            for type in newest where FileStep(type)?.state != row.state {
                found.append(Violation("I14", key, "version \(row.version) is \(type), the row \(row.state)"))
            }
            found += orderViolations(key, records)
        }
        for record in indexRecords where rows[record.key] == nil && discarded[record.key] == nil {
            found.append(Violation("I14", record.key, "\(record.type) about nothing that exists"))
        }
        return found
    }

    private func orderViolations(_ key: String, _ records: [TopicRecord]) -> [Violation] {
        guard Set(records.map(\.partition)).count == 1 else {
            return [Violation("I15", key, "in partitions \(Set(records.map(\.partition)).sorted())")]
        }
        var highest: Int64 = 0
        for record in records.sorted(by: { $0.offset < $1.offset }) where record.version > highest {
            guard record.version == highest + 1 else {
                return [Violation("I15", key, "version \(record.version) came first after \(highest)")]
            }
            highest = record.version
        }
        return []
    }

    /// I16, and what CloudEvents calls for: one id, one event.
    var copyViolations: [Violation] {
        var found: [Violation] = []
        for (id, copies) in Dictionary(grouping: allRecords, by: { "\($0.topic) \($0.id)" }) {
            let faces = Set(
                copies.map { record in
                    let headers = record.headers.filter { $0.key != "traceparent" }.sorted { $0.key < $1.key }
                    return "\(record.key)|\(headers.map { "\($0.key)=\($0.value)" })|\(record.payload)"
                }
            )
            if faces.count > 1 { found.append(Violation("I16", id, "copies differ: \(faces.sorted())")) }
        }
        for (place, copies) in Dictionary(grouping: records, by: { "\($0.key).\($0.version)" })
        where Set(copies.map(\.id)) != [place] {
            found.append(Violation("I16", place, "has event ids \(Set(copies.map(\.id)).sorted())"))
        }
        return found
    }

    /// I12: the states a file went through, as its events tell them, are a path of the state machine. I20: upwards.
    var historyViolations: [Violation] {
        var found: [Violation] = []
        for (key, records) in Dictionary(grouping: records, by: \.key) {
            var byVersion: [Int64: FileStep] = [:]
            for record in records {
                guard let step = FileStep(record.type) else {
                    found.append(Violation("I12", key, "unknown type \(record.type)"))
                    continue
                }
                byVersion[record.version] = step
            }
            var last: (version: Int64, step: FileStep)?
            for (version, step) in byVersion.sorted(by: { $0.key < $1.key }) {
                if !step.mayFollow(last?.step) {
                    let before = last.map { "\($0.step.rawValue) (\($0.version))" } ?? "nothing"
                    found.append(Violation("I12", key, "\(step.rawValue) (\(version)) after \(before)"))
                }
                last = (version, step)
            }
            if let row = files.first(where: { $0.id == key }), let last, row.version < last.version {
                found.append(
                    Violation("I20", key, "the row went back to \(row.version) from \(last.version)")
                )
            }
        }
        return found
    }
}

/// An event as a step of the file's state machine.
enum FileStep: String {
    case stored = "file.stored"
    case deleted = "file.deleted"
    case restored = "file.restored"
    case purging = "file.purging"
    case purged = "file.purged"
    case quarantined = "file.quarantined"
    case discarded = "upload.discarded"

    init?(_ type: String) { self.init(rawValue: type) }

    /// What the row is once the step is done; nil when there is none.
    var state: String? {
        switch self {
        case .stored, .restored: "AVAILABLE"
        case .deleted: "DELETED"
        case .purging: "PURGING"
        case .purged: "PURGED"
        case .quarantined: "QUARANTINED"
        case .discarded: nil
        }
    }

    func mayFollow(_ before: FileStep?) -> Bool {
        switch self {
        case .stored, .discarded: before == nil
        // Twice when what waits in the trash is purged before its time: the event tells the new one.
        case .deleted:
            before == .stored || before == .restored || before == .quarantined || before == .deleted
        // Also of a file that a repair tells again, or lets out of quarantine.
        case .restored:
            before == .deleted || before == .stored || before == .restored || before == .quarantined
        case .purging: before == .deleted || before == .purging
        case .purged: before == .purging
        case .quarantined: before == .stored || before == .restored
        }
    }
}
