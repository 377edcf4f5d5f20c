import TestSupport

/// A healthy stack: one file available, one in the trash and restored once before, one purged, one upload discarded.
enum SampleEvidence {
    static let available = "0190f000-0000-7000-8000-000000000001"
    static let trashed = "0190f000-0000-7000-8000-000000000002"
    static let purged = "0190f000-0000-7000-8000-000000000003"
    static let discarded = "0190f000-0000-7000-8000-000000000004"
    static let sha256 = String(repeating: "ab", count: 32)

    static func key(_ id: String) -> String { "acme/2026/11/\(id).1" }

    static func make() -> Evidence {
        var evidence = Evidence()
        evidence.uploads = [
            upload(available, "COMPLETED"), upload(trashed, "COMPLETED"), upload(purged, "COMPLETED"),
            upload(discarded, "REAPED"),
        ]
        evidence.files = [
            file(available, "AVAILABLE", 1, "INDEXED"), file(trashed, "DELETED", 4, "INDEXED"),
            file(purged, "PURGED", 4, "INDEXED"),
        ]
        evidence.sagas = [saga("delete.v1", trashed, isAsleep: true)]
        evidence.documents = [
            document(available, "LIVE", 1), document(trashed, "DELETED", 4), document(purged, "PURGED", 4),
        ]
        evidence.objects = [object(available), object(trashed)]
        evidence.remains.versions = [key(available), key(trashed)]
        evidence.records =
            history(available, ["file.stored"], 0)
            + history(trashed, ["file.stored", "file.deleted", "file.restored", "file.deleted"], 1)
            + history(purged, ["file.stored", "file.deleted", "file.purging", "file.purged"], 2)
            + history(discarded, ["upload.discarded"], 3)
        evidence.indexRecords = [indexed(available, 0), indexed(trashed, 1), indexed(purged, 2)]
        evidence.filesConsumer = consumed(evidence.records)
        evidence.indexConsumer = consumed(evidence.indexRecords)
        evidence.requests = [
            StoreRequest("PUT", key(available)), StoreRequest("PUT", key(trashed)),
            StoreRequest("PUT", key(purged)), StoreRequest("DELETE", key(purged)),
            StoreRequest("DELETE", key(discarded)),
        ]
        evidence.remembered = [
            remembered(available, .available), remembered(trashed, .deleted), remembered(purged, .purged),
        ]
        return evidence
    }

    static func upload(_ id: String, _ state: String) -> UploadRow {
        UploadRow(id: "u" + id, fileID: id, tenant: "acme", objectKey: key(id), state: state)
    }

    static func file(_ id: String, _ state: String, _ version: Int64, _ indexState: String) -> FileRow {
        FileRow(
            id: id,
            uploadID: "u" + id,
            tenant: "acme",
            owner: "ann",
            name: "\(id).txt",
            size: 5,
            sha256: sha256,
            objectKey: key(id),
            state: state,
            version: version,
            indexState: indexState
        )
    }

    static func document(_ id: String, _ state: String, _ version: Int64) -> DocumentRow {
        DocumentRow(
            fileID: id,
            version: version,
            state: state,
            indexState: "INDEXED",
            name: "\(id).txt",
            size: 5,
            sha256: sha256,
            objectKey: key(id)
        )
    }

    static func saga(_ kind: String, _ subject: String, isAsleep: Bool) -> SagaRow {
        SagaRow(kind: kind, subject: subject, isAsleep: isAsleep, lastFailure: nil)
    }

    static func object(_ id: String) -> BucketObject { BucketObject(key: key(id), size: 5, sha256: sha256) }

    static func history(_ id: String, _ types: [String], _ partition: Int) -> [TopicRecord] {
        types.enumerated().map { record(id, $1, Int64($0 + 1), partition, Int64($0)) }
    }

    static func record(
        _ id: String,
        _ type: String,
        _ version: Int64,
        _ partition: Int,
        _ offset: Int64
    ) -> TopicRecord {
        TopicRecord(
            topic: TestStack.filesTopic,
            partition: partition,
            offset: offset,
            key: id,
            headers: ["ce_id": "\(id).\(version)", "ce_type": type],
            payload: #"{"file_id":"\#(id)","version":\#(version)}"#
        )
    }

    private static func indexed(_ id: String, _ partition: Int) -> TopicRecord {
        TopicRecord(
            topic: TestStack.indexTopic,
            partition: partition,
            offset: 0,
            key: id,
            headers: ["ce_id": "\(id).1.file.indexed", "ce_type": "file.indexed"],
            payload: #"{"file_id":"\#(id)","version":1}"#
        )
    }

    static func consumed(_ records: [TopicRecord]) -> ConsumerEvidence {
        var consumer = ConsumerEvidence()
        consumer.seen = Set(records.map(\.id))
        for (partition, records) in Dictionary(grouping: records, by: \.partition) {
            consumer.positions.append(
                PositionRow(
                    topic: records[0].topic,
                    partition: partition,
                    nextOffset: (records.map(\.offset).max() ?? -1) + 1
                )
            )
        }
        return consumer
    }

    private static func remembered(_ id: String, _ fate: RememberedFile.Fate) -> RememberedFile {
        RememberedFile(id: id, name: "\(id).txt", size: 5, sha256: sha256, fate: fate)
    }
}
