import Correlation
import Determinism
import HTTPTypes
import Hummingbird
import HummingbirdCore
import Logging
import NIOCore

/// From a request to its finished response: identity, routing, problems, the fields every response has, log and metrics.
struct RequestResponder: Sendable {
    let router: RouterResponder<ServiceContext>
    let logger: Logger
    let metrics: RequestMetrics
    let time: any TimeSource
    let random: any RandomSource

    func begin(_ head: HTTPRequest, _ body: IncomingBody, _ channel: any Channel) -> Exchange {
        let exchange = Exchange(
            requestID: RequestIdentity.requestID(head.headerFields, time: time, random: random),
            trace: RequestIdentity.trace(head.headerFields, random: random),
            method: head.method.rawValue,
            path: RequestIdentity.path(head),
            peer: channel.remoteAddress?.ipAddress ?? "",
            startedAt: time.uptime,
            body: body,
            executor: ConnectionExecutor(channel.eventLoop)
        )
        metrics.began()
        return exchange
    }

    /// Never throws: whatever goes wrong becomes a response.
    func respond(to request: Request, _ exchange: Exchange) async -> Response {
        var logger = logger
        logger[metadataKey: "request_id"] = "\(exchange.requestID)"
        let context = ServiceContext(source: ServiceContext.Source(exchange: exchange, logger: logger))
        var response: Response
        do {
            response = try await TraceContext.$current.withValue(exchange.trace) {
                try await router.respond(to: request, context: context)
            }
        } catch {
            // Middleware renders problems; only an error of its own comes here.
            response = ProblemRendering(time: time).response(to: error, context)
        }
        if let route = context.endpointPath, route != "NotFound" { exchange.route = route }
        decorate(&response, exchange)
        return response
    }

    /// The response to bytes that never became a request.
    func refuse(_ problem: Problem) -> (Exchange, Response) {
        let exchange = Exchange(
            requestID: RequestIdentity.fresh(time: time, random: random),
            trace: TraceContext(random: random),
            method: "unknown",
            path: "",
            peer: "",
            startedAt: time.uptime,
            body: nil
        )
        exchange.route = "malformed"
        exchange.errorCode = problem.code
        metrics.began()
        var response = ProblemDocument.response(problem, exchange, at: time.now)
        decorate(&response, exchange)
        return (exchange, response)
    }

    func end(_ exchange: Exchange, _ response: Response, abortedBy error: (any Error)?) {
        let duration = time.uptime - exchange.startedAt
        metrics.ended(exchange, status: response.status.code, duration)
        AccessLog.write(exchange, status: response.status.code, duration, abortedBy: error, to: logger)
    }

    private func decorate(_ response: inout Response, _ exchange: Exchange) {
        response.headers[.date] = HTTPDate.text(time.now)
        response.headers[.requestID] = exchange.requestID
        response.headers[.xContentTypeOptions] = "nosniff"
    }
}
