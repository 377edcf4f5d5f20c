/// How far one part of a check has come; kept in the database, so that whoever takes the check over goes on from here.
struct PartProgress: Codable, Equatable, Sendable {
    /// Of a range of keys: the bounds, excluded and included.
    var lower: String?
    var upper: String?
    /// Everything up to here is compared and its findings are saved.
    var cursor: String?
    var isDone = false
    /// How many were compared, by what they are, and what became of them.
    var counts: [String: Int64] = [:]
    /// Why some of it, or all, remains unknown. At most `lossLimit`.
    var losses: [String] = []
    /// Why it was not compared at all.
    var skipped: String?
    /// Of a range: the rows compared so far; of one that is passed over, all of them.
    var rows: RangeDigest?
    /// Of a range that is passed over: when it was compared.
    var comparedAt: String?

    static let lossLimit = 5

    enum CodingKeys: String, CodingKey {
        case lower, upper, cursor, counts, losses, skipped, rows
        case comparedAt = "compared_at"
        case isDone = "is_done"
    }

    init(lower: KeyText? = nil, upper: KeyText? = nil) {
        self.lower = lower?.text
        self.upper = upper?.text
    }

    mutating func add(_ count: Int, to name: CountName) {
        guard count != 0 else { return }
        counts[name.rawValue, default: 0] += Int64(count)
    }

    mutating func lose(_ losses: [String]) {
        // The database knows no NUL.
        let storable = losses.map { $0.replacing("\0", with: "%00") }
        self.losses += storable.prefix(max(0, Self.lossLimit - self.losses.count))
    }
}

/// What a check counts.
enum CountName: String, CaseIterable, Sendable {
    case objects, rows, digests
    case multipartUploads = "multipart_uploads"
    /// Multipart uploads asked for because they were opened once.
    case openings = "multipart_openings"
    case indexEntries = "index_entries"
    case indexRows = "index_rows"
    case states, versions
    case inFlight = "in_flight"
    /// Objects whose ETag is another and whose bytes are the same.
    case etagChanged = "etag_changed"
    /// Files whose digest nobody knows yet.
    case unverifiable
    /// Files known not to be what was stored.
    case quarantined
    case markers
}

/// How far a check has come, by the name of the part.
struct CheckProgress: Codable, Equatable, Sendable {
    var parts: [String: PartProgress]

    static let ranges = "objects/"
    static let multipart = "multipart_uploads"
    static let openings = "multipart_openings"
    static let states = "states"
    static let events = "events"
    static let index = "index"
    static let quotas = "quotas"

    func total(_ name: CountName) -> Int64 {
        parts.values.reduce(0) { $0 + ($1.counts[name.rawValue] ?? 0) }
    }

    /// Every object and row up to this key, and it, was compared; nil when all were, or none.
    var cursor: String? {
        let ranges = parts.filter { $0.key.hasPrefix(Self.ranges) }.values
            .sorted { KeyText($0.lower ?? "") < KeyText($1.lower ?? "") }
        let open = ranges.first { ($0.skipped == nil && !$0.isDone) || !$0.losses.isEmpty }
        return open.flatMap { $0.losses.isEmpty ? $0.cursor ?? $0.lower : $0.lower }
    }
}
