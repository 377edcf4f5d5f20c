import Testing

@testable import HTTPServing

@Suite("What follows a response depends on what of the request is unread")
struct ConnectionStateTests {
    /// A connection whose calls can stand inside `#expect`.
    private final class Connection {
        var state = ConnectionState(drainByteLimit: 100)

        init(keepAlive: Bool = true, expects: Bool = false, remaining: Int64? = 0) {
            head(keepAlive: keepAlive, expects: expects, remaining: remaining)
        }

        func head(keepAlive: Bool = true, expects: Bool = false, remaining: Int64? = 0) {
            state.received(
                head: ConnectionState.RequestFacts(
                    isKeepAlive: keepAlive,
                    isVersion10: false,
                    isAwaitingContinue: expects,
                    remaining: remaining
                )
            )
        }

        func body(_ count: Int) -> ConnectionState.BodyAction { state.received(bodyBytes: count) }
        func end() -> Bool { state.receivedEnd() }
        func respond() -> String? { state.sendingHead(isCloseAsked: false) }
        func responded() -> ConnectionState.EndAction { state.sentEnd() }
        func stop() -> Bool { state.stop() }
    }

    @Test func aReadRequestKeepsTheConnection() {
        let connection = Connection()
        #expect(connection.end())
        #expect(connection.respond() == nil)
        #expect(connection.responded() == .proceed)
        #expect(connection.state.isIdle)
    }

    @Test func aShortUnreadBodyIsDropped() {
        let connection = Connection(remaining: 100)
        #expect(connection.respond() == nil)
        #expect(connection.responded() == .drain)
        #expect(connection.body(100) == .drop)
        #expect(connection.end())
        #expect(connection.state.isIdle)
    }

    @Test func aLongUnreadBodyEndsTheConnection() {
        let connection = Connection(remaining: 101)
        #expect(connection.respond() == "close")
        #expect(connection.responded() == .linger)
        #expect(connection.body(101) == .drop)
        #expect(!connection.end())
    }

    @Test func anEndlessChunkedBodyIsDroppedUpToTheLimit() {
        let connection = Connection(remaining: nil)
        #expect(connection.respond() == nil)
        #expect(connection.responded() == .drain)
        #expect(connection.body(60) == .drop)
        #expect(connection.body(60) == .dropAndLinger)
    }

    @Test func aRefusedExpectationEndsTheConnection() {
        let connection = Connection(expects: true, remaining: 5)
        #expect(!connection.state.isReceivingBody)
        #expect(connection.respond() == "close")
        #expect(connection.responded() == .linger)
    }

    @Test func aGrantedExpectationDoesNot() {
        let connection = Connection(expects: true, remaining: 5)
        connection.state.sentContinue()
        #expect(connection.state.isReceivingBody)
        #expect(connection.body(5) == .pass)
        #expect(connection.end())
        #expect(connection.respond() == nil)
        #expect(connection.responded() == .proceed)
    }

    @Test func shutdownEndsIdleConnectionsNowAndOthersAfterTheirResponse() {
        let connection = Connection()
        #expect(!connection.stop())
        #expect(connection.end())
        #expect(connection.respond() == "close")
        #expect(connection.responded() == .close)
        let idle = Connection()
        _ = (idle.end(), idle.respond(), idle.responded())
        #expect(idle.stop())
    }

    @Test func pipelinedRequestsAreAnsweredOneByOne() {
        let connection = Connection()
        #expect(connection.end())
        connection.head(keepAlive: false)
        #expect(connection.end())
        #expect(connection.respond() == nil)
        #expect(connection.responded() == .proceed)
        #expect(connection.respond() == "close")
        #expect(connection.responded() == .close)
    }
}
