import IdempotentInbox
import PostgresClient
import TestSupport
import Testing

@Suite("I26 a replay empties a parked key in order", .timeLimit(.minutes(2)))
struct ParkedReplayTests {
    private static let waitingForLock: Statement = """
        SELECT count(*) FROM pg_stat_activity WHERE application_name = $1 AND wait_event_type = 'Lock'
        """

    @Test func whatFailedGoesOnceItsHandlerIsMendedAndWhatWaitedFollows() async throws {
        try await MendableWorld.with { world in
            let claim = try await world.claim()
            world.handler.breaks(at: "2")
            let batch = world.records([
                ("a", "1"), ("a", "2"), ("b", "1"), ("a", "3"), ("a", "1"), ("a", "3"),
            ])
            _ = try await world.applier.apply(batch, claim)
            _ = try await world.applier.apply(world.records([("a", "4"), ("b", "9")], from: 6), claim)
            #expect(try await world.effects() == ["a:1", "b:1", "b:9"])
            #expect(try await world.parkedOffsets() == [1, 3, 5, 6])

            // Nobody asked: nothing is tried.
            #expect(try await world.replayAll() == [])
            // Not mended yet: it stays, all of it, and is not tried for ever.
            #expect(try await world.ask("a").count == 4)
            #expect(try await world.replayAll() == [.stillParked(reason: "Refused()")])
            #expect(try await world.parkedOffsets() == [1, 3, 5, 6])
            #expect(try await world.parked().allSatisfy { $0.replayRequestedAt == nil })

            world.handler.mend()
            try await world.ask("a")
            #expect(try await world.replayAll() == [.applied, .applied, .repeated, .applied])
            #expect(try await world.effects() == ["a:1", "b:1", "b:9", "a:2", "a:3", "a:4"])
            #expect(try await world.parked().isEmpty)

            // The key is free again; the whole log once more changes nothing.
            _ = try await world.applier.apply(world.records([("a", "5")], from: 8), claim)
            _ = try await world.applier.apply(batch, claim)
            #expect(try await world.effects() == ["a:1", "b:1", "b:9", "a:2", "a:3", "a:4", "a:5"])
            #expect(try await world.parked().isEmpty)
        }
    }

    @Test func aKeyStopsAtTheRecordThatFailsAgain() async throws {
        try await MendableWorld.with { world in
            let claim = try await world.claim()
            world.handler.breaks(at: "1")
            let batch = world.records([("a", "1"), ("a", "2"), ("a", "3"), ("b", "1"), ("b", "2")])
            _ = try await world.applier.apply(batch, claim)
            world.handler.mend()
            world.handler.breaks(at: "2")
            try await world.ask()
            let failed = ReplayOutcome.stillParked(reason: "Refused()")
            #expect(try await world.replayAll() == [.applied, failed, .applied, failed])
            #expect(try await world.effects() == ["a:1", "b:1"])
            #expect(try await world.parkedOffsets() == [1, 2, 4])
        }
    }

    /// One request names the key, or any record of it; what comes while it runs waits behind, and goes with it.
    @Test func whatArrivesMeanwhileWaitsBehindAndFollows() async throws {
        try await MendableWorld.with { world in
            let claim = try await world.claim()
            world.handler.breaks(at: "1")
            _ = try await world.applier.apply(world.records([("a", "1"), ("a", "2")]), claim)
            world.handler.mend()
            let last = try #require(try await world.parked().last)
            _ = try await InboxStore.requestReplay(ParkedSelection(ids: [last.id]), on: world.pool)
            let first = try #require(try await world.replay.next())
            _ = try await world.applier.apply(world.records([("a", "3")], from: 2), claim)
            #expect(try await world.replay.replay(first) == .applied)
            _ = try await world.applier.apply(world.records([("a", "4")], from: 3), claim)
            #expect(try await world.replayAll() == [.applied, .applied, .applied])
            #expect(try await world.effects() == ["a:1", "a:2", "a:3", "a:4"])
        }
    }

    @Test func replayAndLiveRecordsNeverRunAtTheSameTime() async throws {
        try await MendableWorld.with { world in
            let claim = try await world.claim()
            let name = world.pool.settings.applicationName
            world.handler.cannotRead(world.handler.slow)
            _ = try await world.applier.apply(world.records([("a", world.handler.slow)]), claim)
            world.handler.mend()
            try await world.ask()
            async let replayed = world.replayAll()
            try await eventually("the replay is under way") { world.handler.isRunning }
            async let live = world.applier.apply(world.records([("a", "1"), ("b", "1")], from: 1), claim)
            async let again = world.replayAll()
            try await eventually("both wait for it") {
                try await world.pool.query(Self.waitingForLock, name).first?.int(0) == 2
            }
            #expect(try await world.effects().isEmpty)
            world.handler.gate.open()
            #expect(try await replayed == [.applied])
            #expect(try await again == [.gone])
            #expect(try await live.applied == 2)
            #expect(try await world.effects() == ["a:slow", "a:1", "b:1"])
            #expect(world.handler.mostRunning == 1)
        }
    }

    /// Any number of processes may carry a request out.
    @Test func severalReplayersApplyEachRecordOnce() async throws {
        try await MendableWorld.with { world in
            var expected: [String: [String]] = [:]
            for partition in Int32(0)..<4 {
                let claim = try await world.claim(partition)
                let key = "k\(partition)"
                world.handler.breaks(at: "0")
                let entries = (0..<25).map { (Optional(key), "\($0)") }
                expected[key] = entries.map { "\(key):\($0.1)" }
                _ = try await world.applier.apply(world.records(entries, in: partition), claim)
            }
            world.handler.mend()
            #expect(try await world.ask().count == 100)
            try await withThrowingTaskGroup(of: Void.self) { group in
                for _ in 0..<4 { group.addTask { _ = try await world.replayAll() } }
                try await group.waitForAll()
            }
            let effects = Dictionary(grouping: try await world.effects()) { String($0.prefix(2)) }
            #expect(effects == expected)
            #expect(try await world.parked().isEmpty)
        }
    }

    @Test func recordsWithoutAKeyStandAlone() async throws {
        try await MendableWorld.with { world in
            let claim = try await world.claim()
            for text in ["x", "y"] { world.handler.cannotRead(text) }
            let batch = world.records([(nil, "x"), (nil, "y"), (nil, "z")])
            _ = try await world.applier.apply(batch, claim)
            #expect(try await world.effects() == [":z"])
            world.handler.mend()
            world.handler.cannotRead("x")
            try await world.ask()
            #expect(try await world.replayAll() == [.stillParked(reason: "not JSON"), .applied])
            #expect(try await world.effects() == [":z", ":y"])
            #expect(try await world.parkedOffsets() == [0])
        }
    }

    /// A copy of what is asked for again must get its answer, as a live one does.
    @Test func whatMayBeRepeatedIsRepeated() async throws {
        try await MendableWorld.with { world in
            let claim = try await world.claim()
            world.handler.breaks(at: "1")
            let batch = world.records([("a", "1"), ("a", "again"), ("a", "again")])
            _ = try await world.applier.apply(batch, claim)
            world.handler.mend()
            try await world.ask()
            #expect(try await world.replayAll() == [.applied, .applied, .applied])
            #expect(try await world.effects() == ["a:1", "a:again", "a:again"])
        }
    }

    @Test func whatIsDiscardedIsShownAndTheRestGoesOn() async throws {
        try await MendableWorld.with { world in
            let claim = try await world.claim()
            world.handler.cannotRead("junk")
            _ = try await world.applier.apply(
                world.records([("a", "junk"), ("a", "1"), ("b", "junk")]),
                claim
            )
            let junk = try #require(try await world.parked("a").first)
            let gone = try await InboxStore.discard(ParkedSelection(ids: [junk.id]), on: world.pool)
            #expect(gone.map(\.id) == [junk.id] && gone[0].record.value == Array("junk".utf8))
            #expect(gone[0].record.headers.first?.value == [0, 255])
            try await world.ask("a")
            #expect(try await world.replayAll() == [.applied])
            #expect(try await world.effects() == ["a:1"])
            #expect(try await world.parkedOffsets() == [2])
        }
    }
}

@Suite("I25 nothing is lost when a topic is made anew")
struct ParkedPlaceTests {
    /// Other records now have the places of those that are parked; a copy in its own place is no second record.
    @Test func anotherRecordInTheSamePlaceIsParkedToo() async throws {
        try await MendableWorld.with { world in
            let claim = try await world.claim()
            for text in ["x", "y"] { world.handler.cannotRead(text) }
            let first = world.records([("a", "x"), (nil, "x")])
            let other = world.records([("a", "y"), (nil, "y")])
            for batch in [first, other, first] { _ = try await world.applier.apply(batch, claim) }
            #expect(try await world.parkedOffsets() == [0, 1, 0, 1])
            #expect(Set(try await world.parked().compactMap(\.record.value)).count == 2)
        }
    }
}
