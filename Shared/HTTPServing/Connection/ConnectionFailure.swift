/// Why the bytes of a connection could not be used. Travels through the pipeline to whoever reads requests.
enum ConnectionFailure: Error, Equatable {
    case headTimedOut
    case requestLineTooLong
    case headTooLarge
    case bodyStalled
    case hostMissing
    case bodyUnreadable
}

/// Asked of the connection's guard by the request loop when it reads no more.
struct FinishConnection: Sendable {}

/// Raw bytes came in, before they are parsed.
struct BytesArrived: Sendable {
    let count: Int
    let hasLineFeed: Bool
}
