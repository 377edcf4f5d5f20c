import AccessTokens
import Correlation
import Determinism
import Logging

/// One line per request. Never the query, never a header: they may hold signatures and tokens.
enum AccessLog {
    /// Asked for every few seconds by machines; their lines would bury the others.
    private static let quietRoutes: Set<String> = ["/livez", "/readyz", "/startupz", "/metrics"]

    static func write(
        _ exchange: Exchange,
        status: Int,
        _ duration: Duration,
        abortedBy error: (any Error)?,
        to logger: Logger
    ) {
        let isQuiet = quietRoutes.contains(exchange.route) && error == nil
        let level: Logger.Level = isQuiet ? .debug : status >= 500 || error != nil ? .warning : .info
        guard level >= logger.logLevel else { return }
        var fields: Logger.Metadata = [
            "request_id": .string(exchange.requestID),
            "trace_id": .string(exchange.trace.traceID),
            "method": .string(exchange.method),
            "route": .string(exchange.route),
            "status": .stringConvertible(status),
            "bytes_in": .stringConvertible(exchange.receivedByteCount),
            "bytes_out": .stringConvertible(exchange.sentByteCount),
            "duration_ms": .stringConvertible(duration.wholeMilliseconds),
            "peer": .string(exchange.peer),
        ]
        if let caller = exchange.caller {
            fields["tenant"] = .string(caller.tenant)
            fields["principal"] = .string(caller.principal)
        }
        if let code = exchange.errorCode { fields["error_code"] = .string(code) }
        if let failure = exchange.body?.failure { fields["body_failure"] = "\(failure)" }
        if let error { fields["aborted"] = "\(error)" }
        logger.log(level: level, "request", metadata: fields)
    }
}
