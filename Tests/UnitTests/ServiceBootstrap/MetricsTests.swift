import ServiceBootstrap
import Testing

@Suite("Metrics are rendered as Prometheus reads them")
struct MetricsTests {
    @Test func rendersEveryKind() async {
        let registry = MetricsRegistry()
        let requests = registry.counter(
            "requests_total",
            help: "All\nof \\ them.",
            labels: ["route", "status"]
        )
        requests.labels("/a\"b\\c\nd", "200").increment(by: 3)
        requests.labels("/a\"b\\c\nd", "200").increment()
        requests.labels("/x", "500").increment(by: -5)
        registry.gauge("depth", help: "Depth.").labels().set(2.5)
        let wait = registry.histogram("wait_seconds", help: "Wait.", buckets: [1, 0.1, .infinity])
        for seconds in [0.1, 0.5, 7, .nan] { wait.labels().observe(seconds) }
        registry.gauge("age", help: "Age.", labels: ["box"]) { [Sample(.infinity, labels: ["one"])] }

        #expect(
            await registry.renderPrometheusText() == """
                # HELP age Age.
                # TYPE age gauge
                age{box="one"} +Inf
                # HELP depth Depth.
                # TYPE depth gauge
                depth 2.5
                # HELP requests_total All\\nof \\\\ them.
                # TYPE requests_total counter
                requests_total{route="/a\\"b\\\\c\\nd",status="200"} 4
                requests_total{route="/x",status="500"} 0
                # HELP wait_seconds Wait.
                # TYPE wait_seconds histogram
                wait_seconds_bucket{le="0.1"} 1
                wait_seconds_bucket{le="1"} 2
                wait_seconds_bucket{le="+Inf"} 3
                wait_seconds_sum 7.6
                wait_seconds_count 3

                """
        )
    }

    @Test func givesTheSameMetricTwiceAndBoundsSeries() async {
        let registry = MetricsRegistry()
        registry.counter("n_total", help: "", labels: ["id"]).labels("a").increment()
        let again = registry.counter("n_total", help: "", labels: ["id"])
        again.labels("a").increment()
        #expect(again.labels("a").value == 2)
        for id in 0..<5_000 { again.labels("id\(id)").increment() }
        #expect(again.labels("other").value > 2_000)
        #expect(await registry.renderPrometheusText().split(separator: "\n").count <= 2_003)
    }

    @Test func manyThreadsLoseNothing() async {
        let registry = MetricsRegistry()
        let (counter, gauge) = (
            registry.counter("c", help: "").labels(), registry.gauge("g", help: "").labels()
        )
        await withDiscardingTaskGroup { group in
            for _ in 0..<8 {
                group.addTask {
                    for _ in 0..<10_000 {
                        counter.increment()
                        gauge.add(0.5)
                    }
                }
            }
        }
        #expect(counter.value == 80_000 && gauge.value == 40_000)
    }
}
