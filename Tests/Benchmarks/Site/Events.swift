import Determinism
import EventContracts
import Foundation
import PostgresClient
import ServiceBootstrap

/// Events as the upload service writes them, for those who carry and those who read them.
enum Events {
    static let topic = "waybill.bench.v1"
    static let partitionCount: Int32 = 12

    /// What a stored file's event looks like: about half a kilobyte.
    static func sample(_ id: UUID = UUID()) throws -> EncodedEvent {
        let now = SystemTime().now
        let event = FileEvent(
            fileID: id,
            version: 1,
            tenant: Deployment.tenant,
            owner: Deployment.owner,
            occurredAt: now,
            detail: .stored(
                StoredFile(
                    uploadID: UUID(),
                    name: "quarterly report of the northern region.pdf",
                    contentType: "application/pdf",
                    size: 4_096,
                    sha256: String(repeating: "0", count: 64),
                    objectKey: "\(Deployment.tenant)/2026/01/\(id.text).1",
                    etag: String(repeating: "0", count: 32)
                )
            )
        )
        return try event.encoded(traceparent: "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01")
    }

    /// The same bytes as records of the bare producer.
    static func records(_ count: Int) throws -> [BareRecord] {
        let event = try sample()
        let headers = event.headers.map { (name: $0.name, value: Array($0.value)) }
        return (0..<count).map { _ in
            BareRecord(key: Array(UUID().text.utf8), value: event.payload, headers: headers)
        }
    }

    private static let append: Statement = """
        WITH written AS (
            INSERT INTO outbox (slot, event_id, topic, key, version, headers, payload)
            SELECT slot, key || '.1', $2, key, 1, $3::text[], $4
              FROM outbox_writer, (SELECT gen_random_uuid()::text AS key FROM generate_series(1, $1::int)) keys
            RETURNING 1
        )
        SELECT pg_current_xact_id()::text, count(*) FROM written
        """
    private static let ring: Statement = "NOTIFY waybill_outbox"
    private static let isPublished: Statement =
        "SELECT pg_visible_in_snapshot($1::xid8, snap_from) FROM outbox_tick"

    /// Writes events into the outbox in one transaction, and rings.
    ///
    /// - Returns: the transaction.
    static func write(_ count: Int, on pool: PostgresPool) async throws -> String {
        let event = try sample()
        let headers = event.headers.flatMap { [$0.name, String(decoding: $0.value, as: UTF8.self)] }
        let row = try await pool.query(append, count, topic, headers, event.payload).only()
        _ = try await pool.execute(ring)
        return try row.text(0)
    }

    /// Returns when every event of the transaction is acknowledged, and the relay has noted it.
    static func arePublished(_ transaction: String, on pool: PostgresPool) async throws {
        try await eventually(within: .seconds(600), "the events are published") {
            try await pool.query(isPublished, transaction).only().bool(0)
        }
    }
}
