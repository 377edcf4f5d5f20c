import AccessTokens
import FaultPoints
import Foundation
import NIOCore
import ObjectStore
import PostgresClient
import ServiceBootstrap
import TestSupport
import Testing

/// Plans of three items each: two objects without a row, which go to the trash, and a file whose object is missing.
@Suite("I50 a program may die in a repair, and in its undo", .timeLimit(.minutes(12)))
struct RepairDeathTests {
    @Test(arguments: [
        FaultPoint.beforeRepairCommitted, .afterRepairCommitted, .beforeRepairUndone, .afterRepairUndone,
    ])
    func theUploadServiceDies(at point: FaultPoint) async throws {
        try await dies(.uploadService, at: point, isUndo: point.rawValue.hasSuffix("Undone"))
    }

    @Test(arguments: [
        FaultPoint.beforeTrashCopied, .afterTrashCopied, .beforeOriginalDeleted, .afterOriginalDeleted,
        .beforeTrashReported, .afterTrashReported, .beforeTrashReturned, .afterTrashReturned,
    ])
    func theIndexerDies(at point: FaultPoint) async throws {
        try await dies(.indexerService, at: point, isUndo: point.rawValue.hasSuffix("Returned"))
    }

    private func dies(_ program: StackProgram, at point: FaultPoint, isUndo: Bool) async throws {
        var settings = StackSettings()
        settings.extra = [.uploadService: ["WAYBILL_QUARANTINE_AGE_SECONDS": "0"]]
        try await TestStack.with(settings) { stack in
            let plot = try await RepairPlot(stack)
            if isUndo {
                try await plot.ask("run")
                try await plot.ends(as: "DONE")
                try await plot.findObject()
            }
            try await stack.stop(program)
            try await stack.start(program, crashAt: point)
            // The service may die behind this request.
            try? await plot.ask(isUndo ? "undo" : "run")
            #expect(try await stack.exit(of: program, within: .seconds(60)) == .exited(137))
            try await stack.start(program)
            try await plot.letLeasePass()
            if !isUndo {
                try await plot.ends(as: "DONE")
                try await plot.isDoneOnce()
                try await plot.findObject()
                try await plot.ask("undo")
            }
            try await plot.ends(as: "UNDONE")
            try await plot.isUndoneOnce()
        }
    }
}

/// What is to be repaired, and a plan that does it.
private struct RepairPlot {
    private let stack: TestStack
    private let token = newAccessToken(from: SystemRandom())
    private let file: String
    private let lostKey: String
    private let plan: String
    /// Keys of objects without a row, and their bytes.
    private let objects: [String: String]

    init(_ stack: TestStack) async throws {
        self.stack = stack
        let caller = Caller(tenant: "ops", principal: "root", roles: [.user, .superuser])
        try await TokenStore(stack.uploadDatabase).insert(token, for: caller)
        (file, lostKey) = try await Self.loseObject(stack)
        let check = UUID()
        let database = stack.uploadDatabase
        _ = try await database.execute(PlantedFindings.check, check, true, #"{"checked":{"objects":3}}"#)
        let id = try #require(UUID(uuidString: file))
        _ = try await database.execute(PlantedFindings.file, check, "missing_object", id)
        var objects: [String: String] = [:]
        for number in 1...2 {
            let id = UUID().uuidString.lowercased()
            objects["acme/2026/11/\(id).1"] = String(repeating: "object \(number) of nobody\n", count: 900)
        }
        self.objects = objects
        for (key, text) in objects {
            let etag = try await stack.withStore {
                try await $0.put(key, body: .bytes(ByteBuffer(string: text))).etag
            }
            let size = Int64(text.utf8.count)
            _ = try await database.execute(PlantedFindings.sighting, key, etag, size, 172_800, 3)
            _ = try await database.execute(PlantedFindings.object, check, "orphan_object", key, size, etag)
        }
        let answer = try await stack.send(
            "POST",
            .uploadService,
            "/api/v1/uploads/cleanup/full",
            body: Array(#"{"reason":"a test"}"#.utf8),
            token: token
        )
        plan = try #require(answer.string("id"), "\(answer.text)")
    }

    private static let lostText = "bytes that will be missing"

    private static func loseObject(_ stack: TestStack) async throws -> (file: String, key: String) {
        let file = try await stack.store("lost.txt", lostText)
        let pool = stack.uploadDatabase
        try await eventually(within: .seconds(40), "the file is indexed") {
            try await pool.query(Self.indexed, file).count == 1
        }
        let key = try #require(try await pool.query(Self.indexed, file).first).text(0)
        try await stack.withStore { try await $0.delete(key, versionID: nil) }
        return (file, key)
    }

    /// Somebody had a copy: when the undo serves the file again, the indexer finds it whole.
    func findObject() async throws {
        let (key, text) = (lostKey, Self.lostText)
        _ = try await stack.withStore { try await $0.put(key, body: .bytes(ByteBuffer(string: text))) }
    }

    func ask(_ what: String) async throws {
        let path = "/api/v1/repairs/\(plan)/\(what)"
        let answer = try await stack.send("POST", .uploadService, path, body: [], token: token)
        #expect(answer.status == 200, "\(answer.text)")
    }

    /// What time does to the lease of a process that died.
    func letLeasePass() async throws { _ = try await stack.uploadDatabase.execute(Self.pass) }

    func ends(as state: String) async throws {
        try await eventually(within: .seconds(90), "the plan is \(state)") {
            try await stack.uploadDatabase.query(Self.state, plan).first?.text(0) == state
        }
    }

    func isDoneOnce() async throws {
        #expect(try await counts() == ["DONE 3"])
        #expect(try await audited("repair.") == [1, 1, 1])
        #expect(try await row() == "QUARANTINED 2")
        for (key, text) in objects {
            #expect(try await content(key) == nil)
            let place = try #require(try await stack.uploadDatabase.query(Self.place, plan, key).first)
            #expect(try await content(try place.text(0)) == text)
        }
    }

    func isUndoneOnce() async throws {
        #expect(try await counts() == ["UNDONE 3"])
        #expect(try await audited("repair.undo.") == [1, 1, 1])
        #expect(try await row() == "AVAILABLE 3")
        for (key, text) in objects { #expect(try await content(key) == text) }
    }

    private func counts() async throws -> [String] {
        try await stack.uploadDatabase.query(Self.counts, plan).map { try $0.text(0) }
    }

    /// How often each item's action was written down.
    private func audited(_ prefix: String) async throws -> [Int] {
        try await stack.uploadDatabase.query(Self.audited, plan, prefix).map { try $0.int(0) }
    }

    private func row() async throws -> String? {
        try await stack.uploadDatabase.query(Self.row, file).first?.text(0)
    }

    private func content(_ key: String) async throws -> String? {
        try await stack.withStore { store in
            guard try await store.head(key) != nil else { return nil }
            var bytes: [UInt8] = []
            for try await piece in try await store.get(key).body { bytes += piece.readableBytesView }
            return String(decoding: bytes, as: UTF8.self)
        }
    }

    private static let indexed: Statement =
        "SELECT object_key FROM files WHERE id::text = $1 AND index_state = 'INDEXED'"
    private static let pass: Statement = "UPDATE leases SET expires = '-infinity' WHERE name = 'repair'"
    private static let state: Statement = "SELECT state FROM repair_plans WHERE id::text = $1"
    private static let counts: Statement = """
        SELECT state || ' ' || count(*) FROM repair_items WHERE plan_id::text = $1 GROUP BY state ORDER BY state
        """
    private static let audited: Statement = """
        SELECT count(a.subject) FROM repair_items i
          LEFT JOIN audit_entries a ON a.subject = i.subject AND a.action = $2 || i.action
         WHERE i.plan_id::text = $1 GROUP BY i.number ORDER BY i.number
        """
    private static let row: Statement = "SELECT state || ' ' || version FROM files WHERE id::text = $1"
    private static let place: Statement =
        "SELECT trash_key FROM repair_items WHERE plan_id::text = $1 AND object_key = $2"
}
