import AsyncHTTPClient
import Determinism
import NIOCore
import NIOPosix

/// How one attempt ended without success.
struct AttemptFailure: Error {
    /// What the caller is told when there is no further attempt.
    var failure: StoreFailure
    /// The store may have carried the request out.
    var mayBeApplied = false
    /// Another attempt may well succeed.
    var isTransient = false
    var retryAfter: Duration?
    /// The store's clock, when it refused ours.
    var storeTime: Timestamp?

    static func notSent(_ reason: String) -> AttemptFailure {
        AttemptFailure(failure: .unavailable(reason: reason, retryAfter: nil), isTransient: true)
    }

    static func lost(_ reason: String) -> AttemptFailure {
        AttemptFailure(failure: .outcomeUnknown(reason: reason), mayBeApplied: true, isTransient: true)
    }

    /// What the HTTP client threw. A body that did not wholly leave cannot have been stored: its length was announced.
    init(transport error: any Error, sentWhole: Bool) {
        let reason = Self.reason(error)
        self = sentWhole && !Self.isBeforeSending(error) ? .lost(reason) : .notSent(reason)
    }

    init(
        failure: StoreFailure,
        mayBeApplied: Bool = false,
        isTransient: Bool = false,
        retryAfter: Duration? = nil,
        storeTime: Timestamp? = nil
    ) {
        self.failure = failure
        self.mayBeApplied = mayBeApplied
        self.isTransient = isTransient
        self.retryAfter = retryAfter
        self.storeTime = storeTime
    }

    private static func isBeforeSending(_ error: any Error) -> Bool {
        if error is NIOConnectionError { return true }
        guard let error = error as? HTTPClientError else { return isConnectError(error) }
        return [
            .connectTimeout, .getConnectionFromPoolTimeout, .tlsHandshakeTimeout, .alreadyShutdown,
            .invalidURL,
            .emptyHost, .emptyScheme,
        ].contains(error)
    }

    /// A refused connection may arrive without NIO's wrapper.
    private static func isConnectError(_ error: any Error) -> Bool {
        (error as? IOError).map { [111, 113, 101, 99].contains($0.errnoCode) } ?? false
    }

    /// Never a URL: it might carry a signature.
    private static func reason(_ error: any Error) -> String {
        switch error {
        case let error as HTTPClientError: error.shortDescription
        case let error as IOError: "I/O error \(error.errnoCode)"
        case let error as NIOConnectionError: "cannot connect to \(error.host):\(error.port)"
        default: "\(type(of: error))"
        }
    }
}
