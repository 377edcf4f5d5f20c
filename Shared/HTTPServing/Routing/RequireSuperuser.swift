import AccessTokens
public import Hummingbird

/// Lets only operators pass: 403 `SUPERUSER_REQUIRED` for every other caller, before the body is read. Add it after
/// `BearerAuthentication` to the group of routes it guards; without a caller the answer is 401.
public struct RequireSuperuser: RouterMiddleware {
    public typealias Context = ServiceContext

    public init() {}

    public func handle(
        _ request: Request,
        context: ServiceContext,
        next: (Request, ServiceContext) async throws -> Response
    ) async throws -> Response {
        guard try context.requireCaller().roles.contains(.superuser) else { throw Problem.superuserRequired }
        return try await next(request, context)
    }
}
