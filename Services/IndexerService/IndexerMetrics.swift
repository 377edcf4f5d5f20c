import EventContracts
import ServiceBootstrap

/// What the metrics say of this service.
struct IndexerMetrics: Sendable {
    /// By kind of text.
    let indexed: MetricFamily<Counter>
    /// By reason.
    let rejected: MetricFamily<Counter>
    /// By the event that asked for it.
    let removed: MetricFamily<Counter>

    /// Orders of repairs, by what they came to.
    let trashed: MetricFamily<Counter>

    init(_ registry: MetricsRegistry) {
        indexed = registry.counter(
            "waybill_indexed_files_total",
            help: "Files verified and made findable.",
            labels: ["kind"]
        )
        rejected = registry.counter(
            "waybill_rejected_files_total",
            help: "Files whose bytes are not what was acknowledged.",
            labels: ["reason"]
        )
        removed = registry.counter(
            "waybill_removed_objects_total",
            help: "Keys proven empty and reported.",
            labels: ["cause"]
        )
        trashed = registry.counter(
            "waybill_trash_orders_total",
            help: "Orders about objects without a row, by what they came to.",
            labels: ["outcome"]
        )
    }

    /// An answer that was committed.
    func count(_ answer: FileEvent.Detail) {
        switch answer {
        case .indexed(let file): indexed.labels(file.textKind).increment()
        case .rejected(let file): rejected.labels(file.reason.rawValue).increment()
        case .bytesRemoved: removed.labels("file.purging").increment()
        case .uploadBytesRemoved: removed.labels("upload.discarded").increment()
        case .objectTrashed: trashed.labels("trashed").increment()
        case .objectRestored: trashed.labels("restored").increment()
        case .objectKept: trashed.labels("kept").increment()
        case .multipartAborted: trashed.labels("aborted").increment()
        case .stored, .restored, .deleted, .purging, .purged, .quarantined, .uploadDiscarded, .removalStalled,
            .objectQuarantined, .objectUnquarantined, .multipartLeaked:
            break
        }
    }
}
