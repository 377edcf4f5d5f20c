import Determinism
import Leases
import PostgresClient
import SortedJSON

import struct FoundationEssentials.Data
import class FoundationEssentials.JSONDecoder
import struct FoundationEssentials.UUID

/// Every statement that touches `consistency_checks`.
enum CheckStore {
    private static let begin: Statement = """
        INSERT INTO consistency_checks (id, requested_by, mode, digests, state, incarnation, epoch, progress)
        SELECT $1, $2, $3, $4, 'RUNNING', $5, epoch, '{"parts":{}}' FROM incarnation ON CONFLICT DO NOTHING
        """
    private static let holds: Statement = """
        SELECT 1 FROM consistency_checks JOIN incarnation USING (epoch) WHERE id = $1
        """
    private static let running: Statement = """
        SELECT id, requested_by, mode, digests, state, incarnation, is_complete, is_consistent, progress::text,
               report::text, started_at, finished_at,
               extract(epoch FROM clock_timestamp() - coalesce(finished_at, started_at))::float8, finding_counts::text
          FROM consistency_checks WHERE state = 'RUNNING'
        """
    private static let find: Statement = """
        SELECT id, requested_by, mode, digests, state, incarnation, is_complete, is_consistent, progress::text,
               report::text, started_at, finished_at,
               extract(epoch FROM clock_timestamp() - coalesce(finished_at, started_at))::float8, finding_counts::text
          FROM consistency_checks WHERE id = $1
        """
    private static let newest: Statement = """
        SELECT id, requested_by, mode, digests, state, incarnation, is_complete, is_consistent, progress::text,
               report::text, started_at, finished_at,
               extract(epoch FROM clock_timestamp() - coalesce(finished_at, started_at))::float8, finding_counts::text
          FROM consistency_checks WHERE state = 'COMPLETED' ORDER BY finished_at DESC LIMIT 1
        """
    private static let newestComplete: Statement = """
        SELECT id, requested_by, mode, digests, state, incarnation, is_complete, is_consistent, progress::text,
               report::text, started_at, finished_at,
               extract(epoch FROM clock_timestamp() - coalesce(finished_at, started_at))::float8, finding_counts::text
          FROM consistency_checks WHERE state = 'COMPLETED' AND is_complete ORDER BY finished_at DESC LIMIT 1
        """
    private static let figures: Statement = """
        SELECT newest.finding_counts::text, newest.is_complete,
               (SELECT extract(epoch FROM clock_timestamp() - finished_at)::float8 FROM consistency_checks
                 WHERE state = 'COMPLETED' AND is_complete ORDER BY finished_at DESC LIMIT 1)
          FROM consistency_checks newest WHERE newest.state = 'COMPLETED' ORDER BY newest.finished_at DESC LIMIT 1
        """
    /// Once: what was planned before a crash stays.
    private static let plan: Statement = """
        UPDATE consistency_checks SET progress = $2::jsonb, updated_at = clock_timestamp()
         WHERE id = $1 AND state = 'RUNNING' AND progress = '{"parts":{}}'
        """
    private static let save: Statement = """
        UPDATE consistency_checks
           SET progress = jsonb_set(progress, ARRAY['parts', $2], $3::jsonb), updated_at = clock_timestamp()
         WHERE id = $1 AND state = 'RUNNING'
        """
    private static let end: Statement = """
        UPDATE consistency_checks
           SET state = $2, is_complete = $3, is_consistent = $4, report = $5::jsonb,
               finding_counts = $5::jsonb -> 'counts',
               finished_at = clock_timestamp(), updated_at = clock_timestamp()
         WHERE id = $1 AND state = 'RUNNING'
        """
    private static let fail: Statement = """
        UPDATE consistency_checks
           SET state = 'FAILED', is_complete = false, is_consistent = false, finished_at = clock_timestamp(),
               updated_at = clock_timestamp(), report = jsonb_build_object('failure', $2::text)
         WHERE id = $1 AND state = 'RUNNING'
        """
    private static let cancel: Statement = """
        UPDATE consistency_checks
           SET state = 'CANCELLED', finished_at = clock_timestamp(), updated_at = clock_timestamp()
         WHERE id = $1 AND state = 'RUNNING'
        """

    /// - Returns: false when a check is running already.
    static func begin(
        _ id: UUID,
        _ request: CheckRequest,
        incarnation: String,
        in tx: borrowing Transaction
    ) async throws(DatabaseError) -> Bool {
        try await tx.execute(
            begin,
            id,
            request.requestedBy,
            request.mode.rawValue,
            request.digests.rawValue,
            incarnation
        ) == 1
    }

    static func running(on pool: PostgresPool) async throws(DatabaseError) -> StoredCheck? {
        try await pool.query(running).first.map(StoredCheck.init)
    }

    static func find(_ id: UUID, on pool: PostgresPool) async throws(DatabaseError) -> StoredCheck? {
        try await pool.query(find, id).first.map(StoredCheck.init)
    }

    /// The check that ended last by itself.
    ///
    /// - Parameter complete: whether only those count that compared everything.
    static func newest(complete: Bool, on pool: PostgresPool) async throws(DatabaseError) -> StoredCheck? {
        try await pool.query(complete ? newestComplete : newest).first.map(StoredCheck.init)
    }

    /// Without reading any report; nil when no check has come to its end.
    static func figures(on pool: PostgresPool) async throws(DatabaseError) -> CheckFigures.Newest? {
        guard let row = try await pool.query(figures).first else { return nil }
        return CheckFigures.Newest(
            counts: try findingCounts(row, 0) ?? [:],
            isComplete: try row.optionalBool(1) ?? false,
            completeAgeSeconds: try row.optionalDouble(2)
        )
    }

    fileprivate static func findingCounts(_ row: Row, _ column: Int) throws(DatabaseError) -> [String: Int64]?
    {
        try row.optionalText(column).flatMap {
            try? JSONDecoder().decode([String: Int64].self, from: Data($0.utf8))
        }
    }

    /// Whether the epoch in which the check was begun lasts.
    static func holds(_ check: UUID, on pool: PostgresPool) async throws(DatabaseError) -> Bool {
        try await !pool.query(holds, check).isEmpty
    }

    static func holds(_ check: UUID, in tx: borrowing Transaction) async throws(DatabaseError) -> Bool {
        try await !tx.query(holds, check).isEmpty
    }

    /// Keeps what the check consists of, unless that is known already.
    static func plan(
        _ progress: CheckProgress,
        of check: UUID,
        in tx: borrowing Transaction
    ) async throws(DatabaseError) {
        guard let json = try? SortedJSON.text(of: progress) else {
            throw .invalidValue("progress is not JSON")
        }
        try await tx.execute(plan, check, json)
    }

    /// - Returns: false when the check is not running any more.
    static func save(
        _ part: String,
        _ progress: PartProgress,
        of check: UUID,
        in tx: borrowing Transaction
    ) async throws(DatabaseError) -> Bool {
        guard let json = try? SortedJSON.text(of: progress) else {
            throw .invalidValue("progress is not JSON")
        }
        return try await tx.execute(save, check, part, json) == 1
    }

    static func end(
        _ check: UUID,
        _ report: CheckReport,
        in tx: borrowing Transaction
    ) async throws(DatabaseError) -> Bool {
        guard let json = try? SortedJSON.text(of: report) else {
            throw .invalidValue("the report is not JSON")
        }
        let state = StoredCheck.State.completed.rawValue
        return try await tx.execute(end, check, state, report.isComplete, report.isConsistent, json) == 1
    }

    static func fail(_ check: UUID, _ reason: String, on pool: PostgresPool) async throws(DatabaseError) {
        _ = try await pool.execute(fail, check, reason)
    }

    /// - Returns: false when there is no such check, or it is not running any more.
    static func cancel(_ check: UUID, in tx: borrowing Transaction) async throws(DatabaseError) -> Bool {
        try await tx.execute(cancel, check) == 1
    }
}

extension StoredCheck {
    fileprivate init(_ row: Row) throws(DatabaseError) {
        guard let mode = CheckRequest.Mode(rawValue: try row.text(2)),
            let digests = CheckRequest.Digests(rawValue: try row.text(3)),
            let state = State(rawValue: try row.text(4)),
            let progress = try? JSONDecoder().decode(CheckProgress.self, from: Data(row.text(8).utf8))
        else { throw .unexpectedResult("a consistency check that cannot be read") }
        id = try row.uuid(0)
        request = CheckRequest(requestedBy: try row.text(1), mode: mode, digests: digests)
        self.state = state
        incarnation = try row.text(5)
        isComplete = try row.optionalBool(6)
        isConsistent = try row.optionalBool(7)
        self.progress = progress
        report = try row.optionalText(9)
        startedAt = try row.timestamp(10)
        finishedAt = try row.optionalTimestamp(11)
        ageSeconds = try row.double(12)
        counts = try CheckStore.findingCounts(row, 13)
    }
}
