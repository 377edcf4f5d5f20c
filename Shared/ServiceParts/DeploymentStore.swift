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
    private static let find: Statement = "SELECT id FROM deployment"
    private static let insert: Statement = "INSERT INTO deployment (id) VALUES ($1) ON CONFLICT DO NOTHING"

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
}
