import AsyncHTTPClient
import Determinism
import EventContracts
import Foundation
import NIOCore
import NIOHTTP1
import PostgresClient
import TestSupport

@testable import IndexerService
@testable import ObjectStore

extension IndexerWorld {
    // MARK: The store

    /// The store of this test alone.
    var devStore: TestProgram {
        get throws {
            struct Shared: Error {}
            guard let ownStore else { throw Shared() }
            return ownStore
        }
    }

    func put(_ key: String, _ text: String) async throws {
        _ = try await store.put(key, body: .bytes(ByteBuffer(string: text)))
    }

    func enableVersioning() async throws {
        var request = S3Request(.PUT, nil, effect: .idempotent)
        request.query = [("versioning", "")]
        request.payload = .bytes(
            ByteBuffer(string: "<VersioningConfiguration><Status>Enabled</Status></VersioningConfiguration>")
        )
        _ = try await store.perform(request)
    }

    func isAbsent(_ key: String) async throws -> Bool {
        try await ObjectRemover(store: store, bucket: bucket).isAbsent(key)
    }

    /// Adds a fault, as DevStore's `/_faults` takes it; nil clears all.
    func inject(_ rules: String?) async throws {
        var request = HTTPClientRequest(url: try devStore.address + "/_faults")
        request.method = rules == nil ? .DELETE : .POST
        if let rules { request.body = .bytes(ByteBuffer(string: rules)) }
        let answer = try await HTTPClient.shared.execute(request, timeout: .seconds(10))
        guard answer.status == .noContent else { throw FaultRefused(answer: "\(answer.status)") }
    }

    // MARK: The sagas

    /// Drives sagas until none is left. A slow machine is no failure: only when none has ended for `limit`, this gives up.
    func settle(within limit: Duration = .seconds(20)) async throws {
        var left = try await sagaCount()
        while left > 0 {
            let before = left
            try await eventually(within: limit, "fewer than \(before) sagas left") {
                try await driveDue()
                left = try await sagaCount()
                if left >= before { throw SagasLeft(description: try await sagasLeft()) }
                return true
            }
        }
    }

    private func sagasLeft() async throws -> String {
        try await pool.query(Statements.sagasLeft).map { row throws(DatabaseError) in try row.text(0) }
            .joined(separator: "; ")
    }

    func sagaCount() async throws -> Int64 {
        try await pool.query(Statements.sagaCount).first?.int64(0) ?? -1
    }

    /// Makes postponed sagas due, so that a test need not wait for the backoff.
    func hurry() async throws { _ = try await pool.execute(Statements.hurry) }

    /// What time does to the lease of a process that died.
    func abandonLeases() async throws { _ = try await pool.execute(Statements.abandonLeases) }

    private enum Statements {
        static let sagaCount: Statement = "SELECT count(*) FROM sagas"
        static let sagasLeft: Statement = """
            SELECT format('%s after %s, %s failures, leased %s, due %s: %s', kind, log, attempts,
                          lease_until > clock_timestamp(), wake_at <= clock_timestamp(), last_failure)
              FROM sagas LIMIT 5
            """
        static let hurry: Statement = "UPDATE sagas SET wake_at = clock_timestamp()"
        static let abandonLeases: Statement = "UPDATE sagas SET lease_until = '-infinity'"
    }

    // MARK: What became of it

    func answers() async throws -> [FileEvent] { try await Self.answers(on: pool) }

    /// What the outbox holds, oldest first.
    static func answers(on pool: PostgresPool) async throws -> [FileEvent] {
        try await pool.query(Self.outbox).map { row in
            let pairs = try row.textArray(1)
            let headers = stride(from: 0, to: pairs.count, by: 2).map {
                (pairs[$0], Array(pairs[$0 + 1].utf8))
            }
            let decoded = DecodedEvent(
                key: Array(try row.text(0).utf8),
                headers: headers,
                payload: try row.bytes(2)
            )
            guard case .event(let event) = decoded else { throw UnexpectedEvent(decoded: decoded) }
            return event
        }
    }

    func document(_ fileID: UUID) async throws -> DocumentRow? {
        try await DocumentRow.all(on: pool).first { $0.fileID == fileID }
    }

    private static let outbox: Statement = "SELECT key, headers, payload FROM outbox ORDER BY id"
}

struct UnexpectedEvent: Error { let decoded: DecodedEvent }

/// A row of `documents` as it is compared.
struct DocumentRow: Equatable, Sendable {
    let fileID: UUID
    let version: Int64
    let state: String
    let indexState: String
    let name: String?
    let objectKey: String?
    let rest: String

    private static let all: Statement = """
        SELECT file_id, version, state, index_state, name, object_key,
               concat_ws('|', tenant, owner, content_type, size, sha256, search::text, excerpt, updated_at)
          FROM documents ORDER BY file_id
        """

    static func all(on pool: PostgresPool) async throws -> [DocumentRow] {
        try await pool.query(all).map { row in
            DocumentRow(
                fileID: try row.uuid(0),
                version: try row.int64(1),
                state: try row.text(2),
                indexState: try row.text(3),
                name: try row.optionalText(4),
                objectKey: try row.optionalText(5),
                rest: try row.text(6)
            )
        }
    }
}

/// What kept sagas from their end, for whoever reads why a test failed.
private struct SagasLeft: Error, CustomStringConvertible {
    let description: String
}
