import Determinism
import Testing

@testable import PostgresClient

@Suite("Which migrations are due")
struct MigrationPlanTests {
    private let given = (1...3).map { Migration(number: $0, name: "m\($0)", sql: "SELECT \($0)") }

    private func applied(_ numbers: [Int], changed: Int? = nil) -> [AppliedMigration] {
        numbers.map {
            AppliedMigration(
                number: $0,
                name: "m\($0)",
                isUnchanged: $0 != changed,
                appliedAt: Timestamp(secondsSinceEpoch: 1)
            )
        }
    }

    @Test func theRestIsPending() throws {
        #expect(try MigrationPlan.pending(given, applied: []) == given)
        #expect(try MigrationPlan.pending(given, applied: applied([1, 2])) == [given[2]])
        #expect(try MigrationPlan.pending(given, applied: applied([1, 2, 3])) == [])
    }

    @Test func aChangedTextIsRefused() {
        #expect(throws: MigrationError.changed(number: 2, name: "m2")) {
            try MigrationPlan.pending(given, applied: applied([1, 2], changed: 2))
        }
    }

    @Test func aHoleIsRefused() {
        #expect(throws: MigrationError.missing(number: 2)) {
            try MigrationPlan.pending(given, applied: applied([1, 3]))
        }
    }

    @Test func aNewerDatabaseIsRefused() {
        #expect(throws: MigrationError.databaseNewer(number: 4, name: "m4")) {
            try MigrationPlan.pending(given, applied: applied([1, 2, 3, 4]))
        }
    }

    @Test(arguments: [[2, 3], [1, 3], [1, 1, 2]])
    func theProgramsOwnListMustBeWithoutGap(numbers: [Int]) {
        let list = numbers.map { Migration(number: $0, name: "m", sql: "") }
        #expect(throws: MigrationError.self) { try MigrationPlan.pending(list, applied: []) }
    }

    @Test func statusNamesEveryState() {
        let at = Timestamp(secondsSinceEpoch: 1)
        let states = MigrationPlan.status(given, applied: applied([1, 2, 4], changed: 2)).map(\.state)
        #expect(states == [.applied(at: at), .changed(at: at), .pending, .unknown(at: at)])
    }
}
