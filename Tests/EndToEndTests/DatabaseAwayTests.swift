import PostgresClient
import TestSupport
import Testing

@Suite("I52 without PostgreSQL nothing is promised, and service returns by itself", .timeLimit(.minutes(3)))
struct DatabaseAwayTests {
    enum Outage: CaseIterable {
        /// Connections are cut, new ones end at once.
        case cut
        /// Connections stay, and nobody answers.
        case silence

        func begin(_ door: NetworkDoor) { if self == .cut { door.shut() } else { door.block() } }
    }

    private static let services = [StackProgram.uploadService, .indexerService, .outboxRelay]

    private func withDoor(_ body: (TestStack, NetworkDoor) async throws -> Void) async throws {
        var settings = StackSettings()
        settings.hasDatabaseDoor = true
        try await TestStack.with(settings) { stack in
            try await body(stack, try #require(stack.databaseDoor))
        }
    }

    @Test(arguments: Outage.allCases) func everyRequestIsRefusedAndSaysWhatWasKept(_ outage: Outage)
        async throws
    {
        try await withDoor { stack, door in
            let kept = try await stack.store("kept.txt", "A wombat digs.")
            let trashed = try await stack.store("trashed.txt", "A wombat sleeps.")
            try await stack.delete(trashed)
            try await stack.searchFinds("wombat", [kept])
            let processes = try Self.services.map { try stack.program($0).processID }
            outage.begin(door)
            try await refusesEverything(stack, kept, trashed)
            try await eventually("no service is ready") {
                for program in Self.services where try await stack.isReady(program) { return false }
                return true
            }
            for program in Self.services { #expect(try await stack.isLive(program)) }
            door.open()
            try await eventually(within: .seconds(30), "every service is ready again") {
                for program in Self.services where try await !stack.isReady(program) { return false }
                return true
            }
            #expect(try Self.services.map { try stack.program($0).processID } == processes)
            #expect(try await stack.content(kept).text == "A wombat digs.")
            #expect(try await stack.restore(trashed).status == 200)
            let late = try await stack.store("new.txt", "A wombat eats.")
            try await stack.searchFinds("wombat", [kept, trashed, late])
            try await stack.isSound()
        }
    }

    private func refusesEverything(_ stack: TestStack, _ kept: String, _ trashed: String) async throws {
        let answers = try await withThrowingTaskGroup(of: (String, HTTPAnswer).self) { group in
            group.addTask { ("upload", try await stack.upload("new.txt", Array("A wombat eats.".utf8))) }
            group.addTask { ("facts", try await stack.facts(kept)) }
            group.addTask { ("content", try await stack.content(kept)) }
            group.addTask { ("list", try await stack.send("GET", .uploadService, "/api/v1/files")) }
            group.addTask { ("restore", try await stack.restore(trashed)) }
            group.addTask { ("delete", try await stack.delete(kept)) }
            group.addTask {
                ("search", try await stack.send("GET", .indexerService, "/api/v1/search?q=wombat"))
            }
            return try await group.reduce(into: [:]) { $0[$1.0] = $1.1 }
        }
        for (name, answer) in answers {
            #expect(answer.status == 503, "\(name): \(answer.text)")
            #expect(Int(answer.fields["retry-after"] ?? "") != nil, "\(name): \(answer.fields)")
            let sentence = answer.string("detail") ?? ""
            #expect(
                sentence.contains("Nothing was") || sentence.contains("may or may not"),
                "\(name): \(answer.text)"
            )
        }
        // Not one was done in secret: the test's own way to the database is open.
        #expect(try await stack.uploadDatabase.query("SELECT 1 FROM files WHERE name = 'new.txt'").isEmpty)
        stack.memory.setFate(.available, of: kept)
        stack.memory.setFate(.deleted, of: trashed)
    }

    /// Whoever is started meanwhile waits, and says so.
    @Test(arguments: Outage.allCases) func programsThatStartMeanwhileWait(_ outage: Outage) async throws {
        try await withDoor { stack, door in
            let kept = try await stack.store("kept.txt", "A kowari waits.")
            try await stack.becomesQuiet()
            for program in Self.services { try await stack.stop(program) }
            outage.begin(door)
            for program in Self.services { try await stack.launch(program) }
            for program in Self.services {
                try await stack.listens(program)
                #expect(try await stack.isLive(program))
                #expect(try await !stack.isReady(program))
            }
            let refused = try await stack.facts(kept)
            #expect(refused.status == 503, "\(refused.text)")
            door.open()
            for program in Self.services {
                try await eventually(within: .seconds(30), "\(program) is ready") {
                    try await stack.isReady(program)
                }
            }
            #expect(try await stack.content(kept).text == "A kowari waits.")
            try await stack.searchFinds("kowari", [kept])
            try await stack.isSound()
        }
    }

    /// The bytes are in the store: it would be a pity to send them again.
    @Test(arguments: Outage.allCases) func anUploadThatHasSentItsBytesWaits(_ outage: Outage) async throws {
        try await withDoor { stack, door in
            let client = try stack.connect()
            try await client.send(stack.head(ofUpload: "patient.txt", length: 10) + "01234")
            try await stack.uploadIsUnderWay("patient.txt")
            outage.begin(door)
            try await client.send("56789")
            try await eventually("the bytes are in the store") { try await stack.keys().count == 1 }
            door.open()
            let answer = try await client.receive(within: 30) { $0.contains("\"version\":1}") }
            #expect(answer.text.hasPrefix("HTTP/1.1 201"), "\(answer.text)")
            try await stack.isSound()
        }
    }

    /// Every connection dies again and again under uploads, deletes and all that follows from them.
    @Test func connectionsThatDieCostNothing() async throws {
        try await withDoor { stack, door in
            let load = StackLoad(stack, clientCount: 4)
            try await load.run {
                for step in 1...6 {
                    try await load.passes(step * 25)
                    door.cut()
                }
            }
            #expect(load.findings == [])
            try await stack.isSound()
        }
    }
}
