import ServiceBootstrap

/// What the routes count. An outcome is the success's name or the error code.
struct UploadFigures: Sendable {
    private let uploads: MetricFamily<Counter>
    private let uploadedBytes: Counter
    private let partBytes: Counter
    private let deletes: MetricFamily<Counter>
    private let restores: MetricFamily<Counter>

    init(_ metrics: MetricsRegistry) {
        uploads = metrics.counter(
            "waybill_uploads_total",
            help: "Files sent to this service, by what became of them.",
            labels: ["outcome"]
        )
        uploadedBytes =
            metrics.counter(
                "waybill_uploaded_bytes_total",
                help: "Bytes of files that were stored."
            ).labels()
        partBytes =
            metrics.counter(
                "waybill_part_bytes_total",
                help: "Bytes of parts of upload sessions that came through this service."
            ).labels()
        deletes = metrics.counter(
            "waybill_deletes_total",
            help: "Deletes asked for, by what became of them.",
            labels: ["outcome"]
        )
        restores = metrics.counter(
            "waybill_restores_total",
            help: "Restores asked for, by what became of them.",
            labels: ["outcome"]
        )
    }

    func stored(byteCount: Int64) {
        uploads.labels("stored").increment()
        uploadedBytes.increment(by: Int(clamping: byteCount))
    }

    func receivedPart(byteCount: Int64) { partBytes.increment(by: Int(clamping: byteCount)) }
    func notStored(_ code: String) { uploads.labels(code).increment() }
    func deleted(_ outcome: String) { deletes.labels(outcome).increment() }
    func restored(_ outcome: String) { restores.labels(outcome).increment() }
}

extension TransferBudget {
    func addMetrics(to metrics: MetricsRegistry) {
        metrics.gauge(
            "waybill_transfers",
            help: "Uploads and downloads under way. At the limit further ones are answered 503 SERVER_BUSY."
        ) { [Sample(Double(self.use.transferCount))] }
        metrics.gauge(
            "waybill_part_memory_bytes",
            help:
                "Memory promised to parts of uploads. At the limit further ones are answered 503 SERVER_BUSY."
        ) { [Sample(Double(self.use.partMemory))] }
    }
}
