import Determinism
import FaultPoints
import Foundation
import ObjectStore
import PostgresClient
import ServiceBootstrap
import ServiceParts
import Synchronization
import TestSupport
import Testing

@testable import UploadService

@Suite("I38 a run that loses sight of the database orders nothing more", .timeLimit(.minutes(4)))
struct BlindRunTests {
    private static let count = 3

    /// Three objects that may go, and the plan that takes them away.
    private func plan(_ service: ServiceUnderTest) async throws -> (RepairPlan, [OrphanSample]) {
        let check = try await service.plantCheck()
        var objects: [OrphanSample] = []
        for number in 0..<Self.count {
            let object = try await service.plantObject("orphan \(number)")
            try await service.plantSightings(of: object)
            try await service.plantFinding(.orphanObject, of: object, in: check)
            objects.append(object)
        }
        return (try await service.plan(check), objects)
    }

    private func expect(
        ordered count: Int,
        of objects: [OrphanSample],
        _ service: ServiceUnderTest
    ) async throws {
        #expect(try await service.orders().count == count)
        for object in objects { #expect(try await service.store.head(object.key) != nil) }
    }

    /// From the second item on what answers is a replica, whose rows may be old.
    @Test func aReplicaInTheMiddle() async throws {
        try await ThrowawayCluster.with { cluster in
            var settings = cluster.settings
            settings.conninfo += " options='-c search_path=public,pg_catalog'"
            let database = settings
            try await ServiceUnderTest.withRepairs({ $0.database = database }) { service in
                let (plan, objects) = try await plan(service)
                for statement in Self.standby { _ = try await service.pool.execute(statement) }
                do {
                    _ = try await service.repairs.run(plan.id, by: "ops/root", confirm: nil)
                    Issue.record("it ran")
                } catch RepairFailure.refused(let refusal) { #expect(refusal == .replica) }
                try await expect(ordered: 1, of: objects, service)
                #expect(try await service.repairs.outcome(of: plan.id).plan.state == .stopped)
                await #expect(throws: RepairFailure.self) {
                    try await service.repairs.run(plan.id, by: "ops/root", confirm: nil)
                }
                try await expect(ordered: 1, of: objects, service)
                for statement in Self.primary { _ = try await service.pool.execute(statement) }
                _ = try await service.repairs.run(plan.id, by: "ops/root", confirm: nil)
                try await expect(ordered: Self.count, of: objects, service)
            }
        }
    }

    /// A real one, which can be read and not written.
    @Test func aReplicaFromTheStart() async throws {
        try await ThrowawayCluster.with { cluster in
            let database = cluster.settings
            try await ServiceUnderTest.withRepairs({
                $0.database = database
                $0.hasWorker = false
            }) { service in
                let (plan, objects) = try await plan(service)
                try await cluster.becomeReplica()
                await #expect(throws: RepairFailure.self) {
                    try await service.repairs.run(plan.id, by: "ops/root", confirm: nil)
                }
                try await eventually("the replica answers") {
                    try await service.pool.query("SELECT 1 WHERE pg_is_in_recovery()").count == 1
                }
                await #expect(throws: RepairFailure.self) {
                    try await service.repairs.run(plan.id, by: "ops/root", confirm: nil)
                }
                try await expect(ordered: 0, of: objects, service)
                #expect(try await service.items(of: plan.id).allSatisfy { $0.state == .planned })
            }
        }
    }

    /// - Parameter turn: the item before whose transaction the database is out of reach.
    @Test(arguments: [1, 2]) func noDatabase(_ turn: Int) async throws {
        let url = try TestDatabase.url()
        let door = try NetworkDoor(toDatabase: url)
        defer { door.close() }
        try await ServiceUnderTest.withRepairs({
            $0.conninfo = door.address(of: url)
            $0.faults = ShutDoor(door, before: turn)
            $0.hasWorker = false
        }) { service in
            let (plan, objects) = try await plan(service)
            await #expect(throws: RepairFailure.self) {
                try await service.repairs.run(plan.id, by: "ops/root", confirm: nil)
            }
            try await expect(ordered: turn - 1, of: objects, service)
            door.open()
            // As if its time had run out.
            _ = try await service.pool.execute("DELETE FROM leases WHERE name = 'repair'")
            try await eventually("the database is back") {
                _ = try await service.repairs.run(plan.id, by: "ops/root", confirm: nil)
                return true
            }
            try await expect(ordered: Self.count, of: objects, service)
        }
    }

    private static let standby: [Statement] = [
        "CREATE TABLE standby (since timestamptz)",
        """
        CREATE FUNCTION pg_is_in_recovery() RETURNS boolean LANGUAGE sql STABLE
        AS 'SELECT EXISTS (SELECT FROM public.standby)'
        """,
        """
        CREATE FUNCTION become_standby() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
          INSERT INTO standby VALUES (clock_timestamp());
          RETURN NULL; END $$
        """,
        """
        CREATE TRIGGER become_standby AFTER UPDATE ON repair_items
        FOR EACH ROW WHEN (NEW.state = 'ORDERED') EXECUTE FUNCTION become_standby()
        """,
    ]
    private static let primary: [Statement] = [
        "DROP TRIGGER become_standby ON repair_items", "DELETE FROM standby",
    ]
}

/// Cuts the way to the database just before the transaction of one item.
private final class ShutDoor: Faults {
    private let door: NetworkDoor
    private let rest: Mutex<Int>

    init(_ door: NetworkDoor, before turn: Int) {
        self.door = door
        rest = Mutex(turn)
    }

    func reach(_ point: FaultPoint) throws(InjectedCrash) {
        guard point == .beforeRepairCommitted else { return }
        let isDue = rest.withLock { count in
            count -= 1
            return count == 0
        }
        if isDue { door.shut() }
    }
}
