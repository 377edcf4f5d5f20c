import TestSupport
import Testing

@testable import ObjectStore

@Suite("Handing over")
struct HandoffTests {
    private struct Broken: Error {}

    @Test(arguments: [0, 1, 4])
    func everythingComesInOrder(capacity: Int) async throws {
        let handoff = Handoff<Int>(capacity: capacity)
        async let sender = Task {
            for value in 0..<2_000 where !(await handoff.send(value)) { return false }
            let wasTaken = await handoff.isTaken()
            handoff.finish()
            return wasTaken
        }.value
        var received: [Int] = []
        for try await value in handoff { received.append(value) }
        #expect(received == Array(0..<2_000))
        #expect(await sender)
    }

    @Test(arguments: [0, 3])
    func theSenderGoesOnWhileThereIsRoom(capacity: Int) async throws {
        let handoff = Handoff<Int>(capacity: capacity)
        for value in 0..<capacity { #expect(await handoff.send(value)) }
        let last = Task { await handoff.send(capacity) }
        try await eventually("the last one waits") { handoff.isFull }
        #expect(try await handoff.next() == 0)
        #expect(await last.value)
        for value in 1..<max(1, capacity + 1) { #expect(try await handoff.next() == value) }
    }

    @Test func whatWasSentIsTakenBeforeAGoodEndAndDroppedByABadOne() async throws {
        let good = Handoff<Int>(capacity: 2)
        let bad = Handoff<Int>(capacity: 2)
        for value in 0..<2 {
            #expect(await good.send(value))
            #expect(await bad.send(value))
        }
        good.finish()
        bad.finish(Broken())
        bad.finish()
        #expect(try await good.next() == 0)
        #expect(try await good.next() == 1)
        #expect(try await good.next() == nil)
        await #expect(throws: Broken.self) { try await bad.next() }
        #expect(await good.send(2) == false)
        #expect(await bad.isTaken() == false)
    }

    @Test func aSenderThatWaitsIsToldTheEnd() async throws {
        let handoff = Handoff<Int>(capacity: 1)
        #expect(await handoff.send(0))
        let sender = Task { await handoff.isTaken() }
        try await eventually("it waits") { handoff.isFull }
        handoff.finish(Broken())
        #expect(await sender.value == false)
    }

    @Test(arguments: [true, false])
    func cancellingOneSideEndsIt(isSender: Bool) async throws {
        let handoff = Handoff<Int>()
        let side = Task {
            if isSender { _ = await handoff.send(0) } else { _ = try? await handoff.next() }
        }
        side.cancel()
        await side.value
        #expect(await handoff.send(1) == false)
        await #expect(throws: CancellationError.self) { try await handoff.next() }
    }
}
