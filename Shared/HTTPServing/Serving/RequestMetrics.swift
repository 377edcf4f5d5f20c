import Determinism
import ServiceBootstrap

/// The request figures of `/metrics`.
struct RequestMetrics: Sendable {
    private let requests: MetricFamily<Counter>
    private let durations: MetricFamily<Histogram>
    private let received: MetricFamily<Counter>
    private let sent: MetricFamily<Counter>
    private let inFlight: Gauge
    private let connections: Gauge

    init(_ registry: MetricsRegistry) {
        requests = registry.counter(
            "http_requests_total",
            help: "Requests answered, by route template, method and status.",
            labels: ["route", "method", "status"]
        )
        durations = registry.histogram(
            "http_request_duration_seconds",
            help: "From the end of the request's header to the end of the response.",
            labels: ["route", "method"]
        )
        received = registry.counter(
            "http_request_body_bytes_total",
            help: "Body bytes read by handlers.",
            labels: ["route"]
        )
        sent = registry.counter(
            "http_response_body_bytes_total",
            help: "Body bytes written to clients.",
            labels: ["route"]
        )
        inFlight = registry.gauge("http_requests_in_flight", help: "Requests being served now.").labels()
        connections = registry.gauge("http_connections_open", help: "Connections open now.").labels()
    }

    func connectionOpened() { connections.add(1) }
    func connectionClosed() { connections.add(-1) }
    func began() { inFlight.add(1) }

    func ended(_ exchange: Exchange, status: Int, _ duration: Duration) {
        inFlight.add(-1)
        let method = Self.knownMethods.contains(exchange.method) ? exchange.method : "other"
        requests.labels(exchange.route, method, String(status)).increment()
        durations.labels(exchange.route, method).observe(duration)
        received.labels(exchange.route).increment(by: Int(clamping: exchange.receivedByteCount))
        sent.labels(exchange.route).increment(by: Int(clamping: exchange.sentByteCount))
    }

    /// A label takes few values: a client may invent methods.
    private static let knownMethods: Set<String> = [
        "GET", "HEAD", "POST", "PUT", "DELETE", "PATCH", "OPTIONS",
    ]
}
