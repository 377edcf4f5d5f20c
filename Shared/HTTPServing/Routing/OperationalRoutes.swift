public import Determinism
import HTTPTypes
public import Hummingbird
import NIOCore
public import ServiceBootstrap

/// `/health /livez /readyz /startupz /metrics`: for machines and operators, without authentication. They tell nothing about
/// tenants and files.
public struct OperationalRoutes: Sendable {
    private let health: HealthRegistry
    private let metrics: MetricsRegistry
    private let time: any TimeSource
    /// The check whose result `/health` shows as `database`.
    private let databaseCheck: String

    public init(
        health: HealthRegistry,
        metrics: MetricsRegistry,
        time: any TimeSource,
        databaseCheck: String = "database"
    ) {
        self.health = health
        self.metrics = metrics
        self.time = time
        self.databaseCheck = databaseCheck
    }

    public func add(to router: some RouterMethods<ServiceContext>) {
        router.get("livez") { _, _ in Self.plain(isFine: true, "ok\n") }
        router.get("startupz") { _, _ in
            Self.plain(isFine: health.isStarted, health.isStarted ? "ok\n" : "starting\n")
        }
        router.get("readyz") { request, _ in
            let isReady = health.isReady
            let isVerbose = request.uri.queryParameters["verbose"] != nil
            return Self.plain(isFine: isReady, isVerbose ? listing() : isReady ? "ok\n" : "not ready\n")
        }
        router.get("health") { _, _ in overview() }
        router.get("metrics") { _, _ in
            let text = await metrics.renderPrometheusText()
            let fields: HTTPFields = [.contentType: "text/plain; version=0.0.4; charset=utf-8"]
            return Response(
                status: .ok,
                headers: fields,
                body: ResponseBody(byteBuffer: ByteBuffer(string: text))
            )
        }
    }

    private func listing() -> String {
        let lines = health.results.map { result in
            let mark = result.status == .ok ? "+" : "-"
            let kind = result.isRequired ? "" : " (optional)"
            return "[\(mark)] \(result.name)\(kind): \(result.status.rawValue)\n"
        }
        return lines.joined() + (health.isReady ? "ready\n" : "not ready\n")
    }

    /// What the process can say about itself and the database; 503 when it is not ready.
    private func overview() -> Response {
        let isReady = health.isReady
        let database = health.results.first { $0.name == databaseCheck }
        let databaseText = database.map { $0.status == .ok ? "up" : "down" } ?? "unknown"
        let checks = health.results.map { "\"\($0.name)\":\"\($0.status.rawValue)\"" }.joined(separator: ",")
        let body = """
            {"status":"\(isReady ? "ok" : "unavailable")","server":"up","database":"\(databaseText)",\
            "timestamp":"\(time.now.rfc3339)","checks":{\(checks)}}
            """
        return Response(
            status: isReady ? .ok : .serviceUnavailable,
            headers: [.contentType: "application/json", .cacheControl: "no-store"],
            body: ResponseBody(byteBuffer: ByteBuffer(string: body))
        )
    }

    private static func plain(isFine: Bool, _ text: String) -> Response {
        Response(
            status: isFine ? .ok : .serviceUnavailable,
            headers: [.contentType: "text/plain; charset=utf-8", .cacheControl: "no-store"],
            body: ResponseBody(byteBuffer: ByteBuffer(string: text))
        )
    }
}
