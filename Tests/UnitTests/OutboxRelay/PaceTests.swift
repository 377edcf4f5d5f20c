import PostgresClient
import Testing
import TransactionalOutbox

@testable import OutboxRelay

@Suite("How many rows travel together")
struct PaceTests {
    private func row(_ id: Int64, byteCount: Int = 10, headerBytes: Int = 0) -> OutboxRow {
        OutboxRow(
            id: id,
            topic: "t",
            key: "k",
            version: id,
            headers: PackedTexts(["h", String(repeating: "x", count: headerBytes)]),
            payload: Array(repeating: 0, count: byteCount)
        )
    }

    @Test func refusalsSlowDownToOneAndSuccessSpeedsUpAgain() {
        var pace = Pace(rowLimit: 2_000)
        #expect(pace.isFull)
        var limits: [Int] = []
        while pace.rowLimit > 1 {
            pace.slowDown(after: pace.rowLimit)
            limits.append(pace.rowLimit)
        }
        #expect(limits == [250, 31, 3, 1] && !pace.isFull)
        pace.slowDown(after: 1)
        #expect(pace.rowLimit == 1)
        for _ in 0..<11 { pace.speedUp() }
        #expect(pace.isFull && pace.rowLimit == 2_000)
        // A small group that was refused is not tried at the same size again.
        pace.slowDown(after: 5)
        #expect(pace.rowLimit == 1)
    }

    @Test func aRowThatMayBeTooLargeTravelsAlone() {
        let cut = Cut(recordBytesLimit: 2_000)
        let rows = [
            row(1), row(2), row(3, byteCount: 1_900), row(4, byteCount: 3_000), row(5),
            row(6, headerBytes: 1_800),
        ]
        var rest = rows[...]
        var groups: [[Int64]] = []
        while !rest.isEmpty {
            let group = cut.next(of: rest, limit: 100)
            groups.append(group.map(\.id))
            rest = rest.dropFirst(group.count)
        }
        #expect(groups == [[1, 2], [3], [4], [5], [6]])
        #expect(cut.next(of: rows[...], limit: 1).map(\.id) == [1])
        #expect(cut.next(of: [], limit: 1).isEmpty)
    }
}
