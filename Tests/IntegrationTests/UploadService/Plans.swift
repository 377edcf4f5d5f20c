import PostgresClient

/// What the planner makes of a statement, as a prepared one gets it.
struct Plans {
    enum Kind: String, CaseIterable { case generic, custom }

    private static let explainer: Statement = """
        CREATE FUNCTION explain(kind text, statement text, arguments text) RETURNS SETOF text LANGUAGE plpgsql AS $$
        BEGIN
            PERFORM set_config('plan_cache_mode', 'force_' || kind || '_plan', true), set_config('jit', 'off', true);
            EXECUTE 'PREPARE explained AS ' || statement;
            RETURN QUERY EXECUTE 'EXPLAIN (ANALYZE, COSTS OFF, TIMING OFF) EXECUTE explained' || arguments;
            DEALLOCATE explained;
        END $$
        """
    private static let explain: Statement = "SELECT explain($1, $2, $3)"

    let pool: PostgresPool

    init(on pool: PostgresPool) async throws {
        self.pool = pool
        _ = try await pool.execute(Self.explainer)
    }

    /// Line by line.
    func plan(_ kind: Kind, of statement: Statement, _ arguments: String) async throws -> [String] {
        try await pool.query(Self.explain, kind.rawValue, "\(statement.sql)", arguments).map {
            try $0.text(0)
        }
    }
}
