import Determinism
import PostgresClient
import SagaEngine
import ServiceBootstrap
import TestSupport

import struct FoundationEssentials.UUID

/// A small world for sagas: rows of `effects` are what happened, outside the saga's own table.
struct Trip: Sendable {
    static let kind = "trip.v1"
    /// `weight` counts how often an effect was put in place and not taken back.
    static let schema = """
        CREATE TABLE effects (subject uuid, name text, PRIMARY KEY (subject, name));
        CREATE TABLE actions (id bigint GENERATED ALWAYS AS IDENTITY, subject uuid, name text);
        """

    let pool: PostgresPool

    func steps() throws(MalformedSaga) -> Saga<UUID> {
        try Saga(
            Self.kind,
            [
                // Outside the database in spirit: recorded by the engine afterwards.
                Step("car", .compensatable(undo: undo("car"))) { subject, _ throws(StepFailure) in
                    try await put("car", subject)
                    return .unrecorded
                },
                Step("hotel", .compensatable(undo: undo("hotel"))) { subject, _ throws(StepFailure) in
                    try await put("hotel", subject)
                    return .deferred
                },
                Step("pay", .pivot) { subject, handle throws(StepFailure) in
                    try await pool.withStepTransaction { tx in
                        try await tx.execute(Self.insert, subject, "pay")
                        return try await handle.record(in: tx)
                    }
                },
                Step("print", .retriable) { subject, _ throws(StepFailure) in
                    try await put("print", subject)
                    return .unrecorded
                },
            ]
        )
    }

    private func put(_ name: String, _ subject: UUID) async throws(StepFailure) {
        do throws(DatabaseError) {
            try await pool.execute(Self.note, subject, name)
            try await pool.execute(Self.insert, subject, name)
        } catch { throw .transient("\(error)") }
    }

    private func undo(_ name: String) -> Step<UUID>.Action {
        { subject, handle throws(StepFailure) in
            try await pool.withStepTransaction { tx in
                try await tx.execute(Self.note, subject, "undo \(name)")
                try await tx.execute(Self.remove, subject, name)
                return try await handle.record(in: tx)
            }
        }
    }

    /// Stores a new trip under this process's lease.
    func begin(leaseMilliseconds: Int64 = 60_000) async throws -> SagaClaim {
        let subject = UUID.version7(at: SystemTime().now, from: SystemRandom())
        let saga = NewSaga(id: subject, kind: Self.kind, subject: subject, context: "{}")
        let log = [SagaEntry.started(0)]
        try await pool.withTransaction { (tx: borrowing Transaction) async throws -> Void in
            try SagaStore.insert(
                [saga],
                log: log,
                owner: "test",
                leaseMilliseconds: leaseMilliseconds,
                in: tx
            )
        }
        return SagaClaim(of: saga, log: log)
    }

    func effects(of subject: UUID) async throws -> [String] {
        try await pool.query(Self.list, subject).map { try $0.text(0) }
    }

    func actions(of subject: UUID) async throws -> [String] {
        try await pool.query(Self.history, subject).map { try $0.text(0) }
    }

    func runner() throws -> SagaRunner<UUID> { SagaRunner(try steps(), pool: pool, random: SystemRandom()) }

    /// All of it or nothing of it.
    static func isWhole(_ effects: [String]) -> Bool { effects == ["car", "hotel", "pay", "print"] }

    private static let insert: Statement = "INSERT INTO effects VALUES ($1, $2) ON CONFLICT DO NOTHING"
    private static let remove: Statement = "DELETE FROM effects WHERE subject = $1 AND name = $2"
    private static let note: Statement = "INSERT INTO actions (subject, name) VALUES ($1, $2)"
    private static let list: Statement = "SELECT name FROM effects WHERE subject = $1 ORDER BY name"
    private static let history: Statement = "SELECT name FROM actions WHERE subject = $1 ORDER BY id"
}

extension Trip {
    static func withWorld<Value: Sendable>(_ body: (Trip) async throws -> Value) async throws -> Value {
        try await TestDatabase.withSchema { pool in
            let sql = SagaSchema.version1 + SagaSchema.version2 + schema
            let schema = Migration(number: 1, name: "trip", sql: sql)
            try await Migrator.migrate([schema], on: pool)
            return try await body(Trip(pool: pool))
        }
    }
}
