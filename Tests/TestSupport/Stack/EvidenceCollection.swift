internal import PostgresClient

extension TestStack {
    /// Everything, the bucket's bytes too.
    public func evidence() async throws -> Evidence {
        var evidence = try await lightEvidence()
        evidence.objects = try await objects()
        evidence.remains = try await remains()
        evidence.requests = try await storeRequests()
        evidence.remembered = memory.all
        return evidence
    }

    /// What tells whether things are quiet: rows and records.
    func lightEvidence() async throws -> Evidence {
        var evidence = Evidence()
        // Effects before causes: what the topic shows later than the rows is never taken for a phantom.
        evidence.documents = try await indexerDatabase.query(Self.documents).map(DocumentRow.init)
        evidence.filesConsumer = try await consumer("indexer-service", indexerDatabase)
        evidence.indexConsumer = try await consumer("upload-service", uploadDatabase)
        evidence.sagas = try await indexerDatabase.query(Self.sagas).map(SagaRow.init)
        evidence.sagas += try await uploadDatabase.query(Self.sagas).map(SagaRow.init)
        async let records = self.records(of: Self.filesTopic)
        async let indexRecords = self.records(of: Self.indexTopic)
        evidence.records = try await records
        evidence.indexRecords = try await indexRecords
        evidence.uploads = try await uploadDatabase.query(Self.uploads).map(UploadRow.init)
        evidence.files = try await uploadDatabase.query(Self.files).map(FileRow.init)
        evidence.hasVisibleNameIndex = try await !uploadDatabase.query(Self.visibleNameIndex).isEmpty
        return evidence
    }

    private func consumer(_ name: String, _ pool: PostgresPool) async throws -> ConsumerEvidence {
        var evidence = ConsumerEvidence()
        for row in try await pool.query(Self.positions, name) {
            evidence.positions.append(
                PositionRow(topic: try row.text(0), partition: try row.int(1), nextOffset: try row.int64(2))
            )
        }
        for row in try await pool.query(Self.inbox, name) { evidence.seen.insert(try row.text(0)) }
        for row in try await pool.query(Self.parked, name) { evidence.parked.insert(try row.text(0)) }
        return evidence
    }

    private static let uploads: Statement =
        "SELECT id, file_id, tenant, object_key, state, s3_upload_id FROM uploads ORDER BY id"
    private static let files: Statement = """
        SELECT id, upload_id, tenant, owner, name, size, encode(coalesce(sha256, verified_sha256), 'hex'),
               object_key, state, version, index_state,
               state = 'DELETED' AND delete_after <= clock_timestamp() AND NOT legal_hold
          FROM files ORDER BY id
        """
    private static let sagas: Statement =
        "SELECT kind, subject, wake_at > clock_timestamp() AND attempts = 0, last_failure FROM sagas ORDER BY id"
    private static let documents: Statement = """
        SELECT file_id, version, state, index_state, name, size, sha256, object_key FROM documents ORDER BY file_id
        """
    private static let positions: Statement =
        "SELECT topic, partition, next_offset FROM consumer_offsets WHERE consumer = $1"
    private static let inbox: Statement = "SELECT event_id FROM inbox WHERE consumer = $1"
    private static let parked: Statement = """
        SELECT partition || '@' || record_offset FROM parked_records WHERE consumer = $1
        """
    private static let visibleNameIndex: Statement = """
        SELECT 1 FROM pg_indexes
         WHERE tablename = 'files' AND indexdef LIKE
               'CREATE UNIQUE INDEX % (tenant COLLATE "C", owner COLLATE "C", name COLLATE "C") WHERE %'
        """
}

extension UploadRow {
    init(_ row: Row) throws(DatabaseError) {
        self.init(
            id: try row.text(0),
            fileID: try row.text(1),
            tenant: try row.text(2),
            objectKey: try row.text(3),
            state: try row.text(4),
            multipartID: try row.optionalText(5)
        )
    }
}

extension FileRow {
    init(_ row: Row) throws(DatabaseError) {
        self.init(
            id: try row.text(0),
            uploadID: try row.text(1),
            tenant: try row.text(2),
            owner: try row.text(3),
            name: try row.text(4),
            size: try row.int64(5),
            sha256: try row.optionalText(6),
            objectKey: try row.text(7),
            state: try row.text(8),
            version: try row.int64(9),
            indexState: try row.text(10),
            isToBePurged: try row.bool(11)
        )
    }
}

extension DocumentRow {
    init(_ row: Row) throws(DatabaseError) {
        self.init(
            fileID: try row.text(0),
            version: try row.int64(1),
            state: try row.text(2),
            indexState: try row.text(3),
            name: try row.optionalText(4),
            size: try row.optionalInt64(5),
            sha256: try row.optionalText(6),
            objectKey: try row.optionalText(7)
        )
    }
}

extension SagaRow {
    init(_ row: Row) throws(DatabaseError) {
        self.init(
            kind: try row.text(0),
            subject: try row.text(1),
            isAsleep: try row.bool(2),
            lastFailure: try row.optionalText(3)
        )
    }
}
