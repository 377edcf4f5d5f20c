import Determinism
import HTTPTypes
import HummingbirdCore
import Logging
import Synchronization

/// What the store does to old things by itself: expire objects, abort uploads nobody finished.
struct LifecycleRule: Codable, Sendable {
    var id: String?
    var prefix: String
    var isEnabled: Bool
    var expirationDays: Int?
    var abortDays: Int?
}

extension Operations {
    func getLifecycle(_ call: Call) throws(S3Error) -> Answer {
        let rules = try store.bucket(call.bucketName).settings.lifecycle
        guard !rules.isEmpty else {
            throw S3Error(404, "NoSuchLifecycleConfiguration", "The lifecycle configuration does not exist")
        }
        var document = XMLDocument()
        document.root("LifecycleConfiguration") { root in
            for rule in rules {
                root.element("Rule") { element in
                    element.element("ID", rule.id)
                    element.element("Filter") { $0.element("Prefix", rule.prefix) }
                    element.element("Status", rule.isEnabled ? "Enabled" : "Disabled")
                    if let days = rule.expirationDays {
                        element.element("Expiration") { $0.element("Days", days) }
                    }
                    if let days = rule.abortDays {
                        element.element("AbortIncompleteMultipartUpload") {
                            $0.element("DaysAfterInitiation", days)
                        }
                    }
                }
            }
        }
        return .xml(document)
    }

    func putLifecycle(_ call: Call, _ writer: borrowing ResponseWriter) async throws(S3Error) -> Answer {
        let bucket = try store.bucket(call.bucketName)
        let root = try XMLParser.parse(try await PayloadReader.collect(call, writer))
        guard root.name == "LifecycleConfiguration", !root.all("Rule").isEmpty else { throw .malformedXML }
        var rules: [LifecycleRule] = []
        for element in root.all("Rule") { rules.append(try LifecycleRule(element)) }
        try bucket.changeSettings { (settings) throws(S3Error) in settings.lifecycle = rules }
        return Answer()
    }

    func deleteLifecycle(_ call: Call) throws(S3Error) -> Answer {
        try store.bucket(call.bucketName).changeSettings { (settings) throws(S3Error) in
            settings.lifecycle = []
        }
        return Answer(204)
    }
}

extension LifecycleRule {
    /// Anything this store would not carry out is refused rather than kept and ignored.
    fileprivate init(_ element: XMLElement) throws(S3Error) {
        let known: Set = [
            "ID", "Filter", "Prefix", "Status", "Expiration", "AbortIncompleteMultipartUpload",
        ]
        let filter = element.child("Filter")?.children ?? []
        guard element.children.allSatisfy({ known.contains($0.name) }),
            filter.allSatisfy({ $0.name == "Prefix" })
        else {
            throw .notImplemented("A lifecycle rule with anything but a prefix, days and aborted uploads")
        }
        id = element.value("ID")
        prefix = element.child("Filter")?.value("Prefix") ?? element.value("Prefix") ?? ""
        isEnabled = element.value("Status") == "Enabled"
        expirationDays = element.child("Expiration")?.value("Days").flatMap { Int($0) }
        abortDays =
            element.child("AbortIncompleteMultipartUpload")?.value("DaysAfterInitiation").flatMap { Int($0) }
        let days = [expirationDays, abortDays].compactMap { $0 }
        guard !days.isEmpty, days.allSatisfy({ (1...36_500).contains($0) }) else { throw .malformedXML }
    }
}

/// Carries the rules out, now and then.
struct LifecycleSweep: Sendable {
    static let interval = Duration.seconds(600)
    private static let dayMilliseconds: Int64 = 86_400_000

    let store: Store
    let logger: Logger

    func run() async throws(CancellationError) {
        while true {
            for name in store.bucketNames {
                guard let bucket = try? store.bucket(name) else { continue }
                for rule in bucket.settings.lifecycle where rule.isEnabled { sweep(bucket, rule) }
            }
            try await store.place.time.sleep(for: Self.interval)
        }
    }

    private func sweep(_ bucket: Bucket, _ rule: LifecycleRule) {
        let prefix = Array(rule.prefix.utf8)
        let now = store.place.nowMilliseconds
        if let days = rule.abortDays {
            let limit = now - Int64(days) * Self.dayMilliseconds
            let old = bucket.state.withLock { state in
                state.uploads.values.filter {
                    $0.key.hasPrefix(prefix) && $0.record.startedMilliseconds < limit
                }
            }
            for upload in old {
                attempt { () throws(S3Error) in try bucket.abort(upload.record.id, upload.key) }
            }
        }
        guard let days = rule.expirationDays else { return }
        let limit = now - Int64(days) * Self.dayMilliseconds
        var query = ListingQuery(prefix: prefix)
        while true {
            let page = bucket.state.withLock { $0.index.page(query) }
            for case .version(let key, let version, _) in page.items {
                query.start = .after(key.bytes)
                guard version.modifiedMilliseconds < limit else { continue }
                attempt { () throws(S3Error) in
                    _ = try bucket.delete(key, versionID: nil, bypassingGovernance: false)
                }
            }
            guard page.isTruncated else { return }
        }
    }

    private func attempt(_ work: () throws(S3Error) -> Void) {
        do throws(S3Error) { try work() } catch {
            logger.warning("lifecycle: \(error.code) \(error.message)")
        }
    }
}
