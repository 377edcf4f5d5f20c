import TestSupport
import Testing

@testable import PostgresClient
@testable import UploadService

@Suite("I9 I14 I30 I31 uploads that begin, or end, together: what becomes of one is its own affair")
struct TogetherTests {
    private static let tenant = "acme"
    private static let waiting: Statement = """
        SELECT count(*) FROM pg_stat_activity
         WHERE wait_event_type = 'Lock' AND application_name = current_setting('application_name')
           AND strpos(query, $1) > 0
        """

    /// What two lanes wait for, and how many wait for a lane.
    private struct Gate: Sendable {
        let lock: Statement
        let statement: String
        let waitingCount: @Sendable (Sagas) -> Int

        static let beginning = Gate(
            lock: "LOCK TABLE uploads IN EXCLUSIVE MODE",
            statement: "INSERT INTO uploads",
            waitingCount: { $0.uploads.intents.waitingCount(of: tenant) }
        )
        static let ending = Gate(
            lock: "LOCK TABLE files IN EXCLUSIVE MODE",
            statement: "INSERT INTO files",
            waitingCount: { $0.uploads.pivot.crossings.waitingCount(of: tenant) }
        )
    }

    /// Holds uploads back until all of them wait together, and lets them go.
    private func upload(
        _ names: [String],
        through gate: Gate,
        _ service: ServiceUnderTest,
        meanwhile: () async throws -> Void = {}
    ) async throws -> [String: [Answer]] {
        try await service.pool.withTransaction {
            (tx: borrowing Transaction) async throws -> Task<[String: [Answer]], any Error> in
            try await tx.execute(gate.lock)
            let lanes = (1...2).map { number in
                Task {
                    try await eventually("\(number - 1) lanes are taken") {
                        try await service.pool.query(Self.waiting, gate.statement).only().int(0) == number - 1
                    }
                    return try await service.upload("lane \(number)")
                }
            }
            try await eventually("both lanes are taken") {
                try await service.pool.query(Self.waiting, gate.statement).only().int(0) == 2
            }
            let answers = Task { try await upload(names, service) }
            try await eventually("all wait together") {
                gate.waitingCount(service.wiring.sagas) == names.count
            }
            try await meanwhile()
            return Task {
                for lane in lanes { #expect(try await lane.value.status == 201) }
                return try await answers.value
            }
        }.value
    }

    private func upload(_ names: [String], _ service: ServiceUnderTest) async throws -> [String: [Answer]] {
        try await withThrowingTaskGroup(of: (String, Answer).self) { group in
            for name in names { group.addTask { (name, try await upload(name, service)) } }
            var answers: [String: [Answer]] = [:]
            for try await (name, answer) in group { answers[name, default: []].append(answer) }
            return answers
        }
    }

    /// A `file` has a key and a trace of its own.
    private func upload(_ name: String, _ service: ServiceUnderTest) async throws -> Answer {
        guard name.hasPrefix("file") else { return try await service.upload(name) }
        let fields = [("idempotency-key", "key-of-\(name)"), ("traceparent", Self.trace(of: name))]
        return try await service.upload(name, fields: fields)
    }

    /// - Parameter name: ends with a digit.
    private static func trace(of name: String) -> String {
        "00-" + String(repeating: String(name.suffix(1)), count: 32) + "-00f067aa0ba902b7-01"
    }

    private static let waitsForLong: @Sendable (inout ServiceOptions) -> Void = {
        $0.limits.sharedLockLimit = .seconds(8)
        $0.limits.expiryInterval = .milliseconds(100)
    }

    private func expectStored(_ name: String, _ answer: Answer, _ service: ServiceUnderTest) async throws {
        #expect(answer.status == 201)
        let again = try await upload(name, service)
        #expect(
            again.status == 201 && again.id == answer.id,
            "the answer to the key was stored with the file"
        )
        let traceID = Self.trace(of: name).dropFirst(3).prefix(32)
        let headers = try await service.pool.query(
            "SELECT array_to_string(headers, ' ') FROM outbox WHERE key = $1",
            answer.id
        ).only().text(0)
        #expect(headers.contains("traceparent 00-\(traceID)-"), "\(headers)")
    }

    @Test func oneWhoseNameIsTakenAndOneWhoseNameIsTooLong() async throws {
        try await ServiceUnderTest.run(Self.waitsForLong) { service in
            let first = try await service.upload("taken")
            let tooLong = String(repeating: "\u{0958}", count: 255)
            let names = (1...4).map { "file-\($0)" } + ["taken", tooLong]
            let answers = try await upload(names, through: .beginning, service)
            for name in names.prefix(4) {
                try await expectStored(name, try #require(answers[name]?.first), service)
            }
            #expect(answers["taken"]?.map(\.code) == ["FILE_ALREADY_EXISTS"])
            #expect(answers["taken"]?.first?.json["existing_id"].text == first.id)
            #expect(answers[tooLong]?.first?.status == 400, "\(answers[tooLong]?.first?.text ?? "")")
            try await service.ledger.settle()
            // Nothing was written of those that were refused.
            #expect(try await service.ledger.uploads().count == 7)
            try await service.ledger.expectGoodKeysAndEvents()
        }
    }

    @Test(arguments: [false, true])
    func oneThatExpiresOneThatIsOvertakenAndTwoOfOneName(hasQuota: Bool) async throws {
        try await ServiceUnderTest.run(Self.waitsForLong) { service in
            if hasQuota { try await setQuota(service) }
            let names = ["file-1", "file-2", "twice", "twice", "expires", "overtaken"]
            let answers = try await upload(names, through: .ending, service) {
                try await service.pool.execute(
                    "UPDATE uploads SET expires_at = '-infinity' WHERE name = 'expires'"
                )
                try await service.pool.execute(
                    """
                    UPDATE sagas SET lease_until = '-infinity'
                     WHERE subject = (SELECT id FROM uploads WHERE name = 'overtaken')
                    """
                )
                try await eventually("both are over") {
                    try await Set(service.ledger.uploads()).isSuperset(of: [
                        "expires EXPIRED", "overtaken FAILED",
                    ])
                }
            }
            for name in names.prefix(2) {
                try await expectStored(name, try #require(answers[name]?.first), service)
            }
            #expect(answers["twice"]?.map(\.status).sorted() == [201, 409])
            #expect(answers["expires"]?.map(\.status) == [503])
            #expect(answers["overtaken"]?.map(\.status) == [503])
            try await service.ledger.settle()
            try await service.ledger.expectBytes(in: service.store)
            try await service.ledger.expectGoodKeysAndEvents()
        }
    }

    /// A quota's row is locked by the first file of a transaction, before the names of the others.
    @Test func manyOfFewNamesUnderAQuota() async throws {
        try await ServiceUnderTest.run { service in
            try await setQuota(service)
            let names = (0..<48).map { "name \($0 % 6)" }
            let answers = try await upload(names, service)
            for (name, answers) in answers {
                #expect(answers.map(\.status).sorted() == [201] + Array(repeating: 409, count: 7), "\(name)")
            }
            try await service.ledger.settle()
            try await service.ledger.expectGoodKeysAndEvents()
            #expect(try await service.pool.query("SELECT used_bytes FROM quotas").only().int64(0) == 36)
        }
    }

    private func setQuota(_ service: ServiceUnderTest) async throws {
        try await service.pool.execute(
            "INSERT INTO quotas (tenant, byte_limit, used_bytes) VALUES ($1, 1000000, 0)",
            Self.tenant
        )
    }
}
