import Testing

@testable import PostgresClient

private final class FakeConnection {}
private typealias State = PoolState<FakeConnection, Int>

@Suite("Pool state: who gets a connection, and when one is opened")
struct PoolStateTests {
    private func opened(_ state: inout State, waiter: UInt64) -> FakeConnection {
        state.wait(Int(waiter), id: waiter, deadline: .seconds(5))
        #expect(state.planOpenings(now: .zero).count == 1)
        let connection = FakeConnection()
        guard case .give = state.opened(connection) else {
            Issue.record("a new connection goes to the waiter")
            return connection
        }
        return connection
    }

    @Test func waitersAreServedInOrderAndCancelledOnesAreSkipped() {
        var state = State(connectionLimit: 1)
        let connection = opened(&state, waiter: 1)
        for id in 2...5 { state.wait(id, id: UInt64(id), deadline: .seconds(5)) }
        #expect(state.leave(3) == 3)
        #expect(state.leave(3) == nil)
        var served: [Int] = []
        while case .give(let waiter) = state.release(connection, isReusable: true) { served.append(waiter) }
        #expect(served == [2, 4, 5])
        #expect(state.idle.count == 1 && state.leased.isEmpty)
    }

    @Test func newcomersDoNotOvertake() {
        var state = State(connectionLimit: 1)
        let connection = opened(&state, waiter: 1)
        #expect(state.takeIdle() == nil)
        _ = state.release(connection, isReusable: true)
        #expect(state.takeIdle() === connection)
    }

    @Test func neverMoreConnectionsThanTheLimit() {
        var state = State(connectionLimit: 3)
        for id in 1...10 { state.wait(id, id: UInt64(id), deadline: .seconds(5)) }
        #expect(state.planOpenings(now: .zero).count == 3)
        #expect(state.planOpenings(now: .zero).count == 0)
    }

    @Test func aBrokenConnectionMakesRoomForANewOne() {
        var state = State(connectionLimit: 1)
        let connection = opened(&state, waiter: 1)
        state.wait(2, id: 2, deadline: .seconds(5))
        #expect(state.planOpenings(now: .zero).count == 0)
        guard case .discard = state.release(connection, isReusable: false) else {
            Issue.record("must be discarded")
            return
        }
        #expect(state.planOpenings(now: .zero).count == 1)
    }

    @Test func afterAFailureOneAttemptAtATimeAndNotBeforeItsTime() {
        var state = State(connectionLimit: 8)
        for id in 1...8 { state.wait(id, id: UInt64(id), deadline: .seconds(5)) }
        #expect(state.planOpenings(now: .zero).count == 8)
        for _ in 1...8 { state.openingFailed(.unavailable("down"), now: .zero) { _ in .milliseconds(100) } }
        #expect(state.planOpenings(now: .milliseconds(50)).retryAt == .milliseconds(100))
        #expect(state.planOpenings(now: .milliseconds(60)) == State.OpeningPlan())
        state.retryIsDue()
        #expect(state.planOpenings(now: .milliseconds(100)).count == 1)
        #expect(state.planOpenings(now: .milliseconds(200)).count == 0)
        _ = state.opened(FakeConnection())
        #expect(state.planOpenings(now: .milliseconds(200)).count == 7)
    }

    @Test func onlyThoseWhoseTimeIsOverExpire() {
        var state = State(connectionLimit: 1)
        for id in 1...3 { state.wait(id, id: UInt64(id), deadline: .seconds(id)) }
        #expect(state.expire(now: .seconds(2)) == [1, 2])
        #expect(state.line.firstDeadline == .seconds(3))
    }

    @Test func aLongLineStaysInOrder() {
        var line = WaitingLine<Int>()
        var expected: [Int] = []
        for id in 0..<1000 {
            line.append(id, id: UInt64(id), deadline: .seconds(1))
            if id % 3 == 0 { _ = line.remove(UInt64(id)) } else { expected.append(id) }
        }
        #expect(line.count == expected.count)
        #expect(line.removeAll() == expected)
        #expect(line.isEmpty && line.firstDeadline == nil)
    }

    @Test func closingAnswersEveryoneAndKeepsNothing() {
        var state = State(connectionLimit: 1)
        let connection = opened(&state, waiter: 1)
        state.wait(2, id: 2, deadline: .seconds(5))
        #expect(state.close().waiters == [2])
        #expect(!state.isDrained)
        guard case .discard = state.release(connection, isReusable: true) else {
            Issue.record("a closed pool keeps nothing")
            return
        }
        #expect(state.isDrained)
    }
}
