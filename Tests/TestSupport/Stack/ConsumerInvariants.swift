/// I21–I28: what the consumers made of the topics.
extension Evidence {
    /// I21: the document is what the newest event says. I28: it agrees with the row.
    var documentViolations: [Violation] {
        var found: [Violation] = []
        let rows = Dictionary(files.map { ($0.id, $0) }) { first, _ in first }
        let newest = Dictionary(grouping: records.filter { $0.type != "upload.discarded" }, by: \.key)
            .compactMapValues { $0.max { $0.version < $1.version } }
        let documents = Dictionary(documents.map { ($0.fileID, $0) }) { first, _ in first }
        for (key, event) in newest {
            guard let document = documents[key] else {
                found.append(Violation("I21", key, "\(event.type) is on the topic, there is no document"))
                continue
            }
            let state = Self.documentState(after: event.type)
            if document.version != event.version || document.state != state {
                let seen = "\(document.state) \(document.version) after \(event.type) \(event.version)"
                found.append(Violation(document.version < event.version ? "I21" : "I22", key, seen))
            }
        }
        for document in documents.values {
            guard let row = rows[document.fileID] else {
                found.append(Violation("I28", document.fileID, "document without a file"))
                continue
            }
            found += disagreements(row, document)
        }
        return found
    }

    private static func documentState(after type: String) -> String {
        switch type {
        case "file.stored", "file.restored": "LIVE"
        case "file.quarantined": "QUARANTINED"
        case "file.purged": "PURGED"
        default: "DELETED"
        }
    }

    private func disagreements(_ row: FileRow, _ document: DocumentRow) -> [Violation] {
        guard row.version == document.version else {
            let seen = "row at \(row.version), document at \(document.version)"
            return [Violation("I28", row.id, seen)]
        }
        guard row.state == "AVAILABLE" else {
            return document.state == "LIVE"
                ? [Violation("I28", row.id, "\(row.state), but in the index")] : []
        }
        let isSame =
            document.name == row.name && document.size == row.size && document.sha256 == row.sha256
            && document.objectKey == row.objectKey && document.indexState == row.indexState
        return isSame ? [] : [Violation("I28", row.id, "row \(row), document \(document)")]
    }

    /// I24 and I25, for both consumers.
    var consumerViolations: [Violation] {
        consumerViolations(filesConsumer, records) + consumerViolations(indexConsumer, indexRecords)
    }

    private func consumerViolations(_ consumer: ConsumerEvidence, _ records: [TopicRecord]) -> [Violation] {
        var found: [Violation] = []
        let ends = Self.ends(of: records)
        for position in consumer.positions where position.nextOffset > ends[position.partition] ?? 0 {
            found.append(
                Violation(
                    "I24",
                    "\(position.topic)[\(position.partition)]",
                    "at \(position.nextOffset), beyond the end \(ends[position.partition] ?? 0)"
                )
            )
        }
        for record in records {
            let place = "\(record.partition)@\(record.offset)"
            if !consumer.seen.contains(record.id), !consumer.parked.contains(place) {
                found.append(
                    Violation("I25", record.id, "\(record.type) at \(place) neither applied nor parked")
                )
            }
        }
        return found
    }
}
