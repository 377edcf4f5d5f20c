import PostgresClient

import struct FoundationEssentials.UUID

/// Every statement that touches `deployment`.
enum DeploymentStore {
    static let schema = """
        CREATE TABLE deployment (
            is_only boolean PRIMARY KEY DEFAULT true CHECK (is_only),
            id      uuid    NOT NULL
        );
        """
    /// Whether the bucket has ever borne the marker; only the service that marks it has the column.
    static let schemaOfMark = "ALTER TABLE deployment ADD COLUMN is_marked boolean NOT NULL DEFAULT false"
    private static let find: Statement = "SELECT id FROM deployment"
    private static let insert: Statement = "INSERT INTO deployment (id) VALUES ($1) ON CONFLICT DO NOTHING"
    private static let findMark: Statement = "SELECT is_marked FROM deployment"
    private static let mark: Statement = "UPDATE deployment SET is_marked = true WHERE NOT is_marked"

    static func find(on pool: PostgresPool) async throws(DatabaseError) -> UUID? {
        try await pool.query(find).first?.uuid(0)
    }

    /// Keeps `id`, unless there is one.
    ///
    /// - Returns: the one that is kept.
    static func keep(_ id: UUID, on pool: PostgresPool) async throws(DatabaseError) -> UUID {
        _ = try await pool.execute(insert, id)
        guard let kept = try await find(on: pool) else {
            throw .unexpectedResult("the deployment's id was not kept")
        }
        return kept
    }

    static func isMarked(on pool: PostgresPool) async throws(DatabaseError) -> Bool {
        try await pool.query(findMark).first?.bool(0) ?? false
    }

    static func noteMark(on pool: PostgresPool) async throws(DatabaseError) {
        _ = try await pool.execute(mark)
    }
}
