import HTTPTypes
import Hummingbird
import Synchronization

/// Which methods a path has, for 405: the router itself says 404 to both an unknown path and an unknown method.
final class RouteTable: Sendable {
    private let routes = Mutex<[(segments: [Segment], method: String)]>([])

    private enum Segment: Equatable {
        case literal(String)
        case any
        case rest
    }

    func fill(from router: Router<ServiceContext>) {
        let entries = router.routes.map { route in
            (segments: Self.segments(route.path.description), method: route.method.rawValue)
        }
        routes.withLock { $0 = entries }
    }

    /// Methods of all routes that match `path`, sorted; GET brings HEAD.
    func methods(for path: String) -> [String] {
        let parts = path.split(separator: "/").map(String.init)
        var found = Set(routes.withLock { $0 }.filter { Self.matches($0.segments, parts) }.map(\.method))
        if found.contains("GET") { found.insert("HEAD") }
        return found.sorted()
    }

    private static func segments(_ template: String) -> [Segment] {
        template.split(separator: "/").map { part in
            if part == "**" { return .rest }
            return part.contains("{") || part.contains("*") ? .any : .literal(String(part))
        }
    }

    private static func matches(_ segments: [Segment], _ parts: [String]) -> Bool {
        var index = 0
        for segment in segments {
            if segment == .rest { return true }
            guard index < parts.count else { return false }
            if case .literal(let text) = segment, text != parts[index] { return false }
            index += 1
        }
        return index == parts.count
    }
}

/// Says 405 with `Allow` where the router found no handler for the method.
struct MethodNotAllowed: RouterMiddleware {
    typealias Context = ServiceContext
    let table: RouteTable

    func handle(
        _ request: Request,
        context: ServiceContext,
        next: (Request, ServiceContext) async throws -> Response
    ) async throws -> Response {
        do {
            return try await next(request, context)
        } catch let error as HTTPError where error.status == .notFound && context.endpointPath == "NotFound" {
            let methods = table.methods(for: request.uri.path)
            throw methods.isEmpty ? Problem.routeUnknown : Problem.methodNotAllowed(methods)
        }
    }
}
