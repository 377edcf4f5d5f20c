import Determinism
import HTTPTypes
import Hummingbird
import Logging

/// Turns whatever a handler throws into a problem document. Errors nobody foresaw are logged, not shown.
struct ProblemRendering: RouterMiddleware {
    typealias Context = ServiceContext
    let time: any TimeSource

    func handle(
        _ request: Request,
        context: ServiceContext,
        next: (Request, ServiceContext) async throws -> Response
    ) async throws -> Response {
        do {
            return try await next(request, context)
        } catch {
            return response(to: error, context)
        }
    }

    func response(to error: any Error, _ context: ServiceContext) -> Response {
        let problem = Problem(error)
        context.exchange.errorCode = problem.code
        if problem == .internalError {
            context.logger.error("a handler failed", metadata: ["error": "\(error)"])
        }
        return ProblemDocument.response(problem, context.exchange, at: time.now)
    }
}
