public import Determinism
public import Hummingbird

/// The router every program starts from: problems for every error, 404 and 405 included; HEAD wherever there is GET.
///
/// - Parameters:
///   - time: for the timestamp of a problem.
///   - routes: adds all routes. Middleware added in here sees only routes added after it.
public func makeServiceRouter(
    time: any TimeSource,
    routes: (Router<ServiceContext>) -> Void
) -> Router<ServiceContext> {
    let router = Router(context: ServiceContext.self, options: [.autoGenerateHeadEndpoints])
    let table = RouteTable()
    router.add(middleware: ProblemRendering(time: time))
    router.add(middleware: MethodNotAllowed(table: table))
    routes(router)
    table.fill(from: router)
    return router
}
