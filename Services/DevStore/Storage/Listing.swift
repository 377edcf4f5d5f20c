/// One page of a bucket's keys or versions, in the order of their bytes.
struct ListingPage: Sendable {
    enum Item: Sendable {
        case version(ObjectKey, Version, isLatest: Bool)
        /// Everything up to and including the delimiter, standing for all keys that begin so.
        case prefix([UInt8])
    }

    var items: [Item] = []
    var isTruncated = false
}

/// What to list. Source: Amazon S3 API Reference, ListObjectsV2 and ListObjectVersions.
struct ListingQuery: Sendable {
    enum Start: Sendable {
        case beginning
        /// The first key above these bytes.
        case after([UInt8])
        /// The first key that does not begin with these bytes, above them.
        case afterPrefix([UInt8])
        /// The versions of a key that are older than this one, then the keys above it.
        case afterVersion(ObjectKey, id: String)
    }

    var prefix: [UInt8] = []
    var delimiter: [UInt8] = []
    var start = Start.beginning
    var limit = 1000
    /// Also older versions and delete markers.
    var includesVersions = false
}

extension SortedIndex {
    func page(_ query: ListingQuery) -> ListingPage {
        var page = ListingPage()
        guard query.limit > 0 else { return page }
        var place = first(query)
        while let entry = entry(at: place), entry.key.hasPrefix(query.prefix) {
            if !query.includesVersions, entry.latest.isDeleteMarker {
                place = self.place(after: place)
                continue
            }
            if let common = commonPrefix(of: entry.key, query) {
                guard page.add(.prefix(common), query.limit) else { return page }
                place = lowerBound(ObjectKey(bytes: successor(of: common)))
                continue
            }
            for version in versions(of: entry, query) {
                let isLatest = version.sequence == entry.latest.sequence
                guard page.add(.version(entry.key, version, isLatest: isLatest), query.limit) else {
                    return page
                }
            }
            place = self.place(after: place)
        }
        return page
    }

    private func first(_ query: ListingQuery) -> Place {
        let start: [UInt8] =
            switch query.start {
            case .beginning: []
            // Nothing sorts between a key and the same key with a NUL behind it.
            case .after(let bytes): bytes + [0]
            case .afterPrefix(let bytes): successor(of: bytes)
            case .afterVersion(let key, _): key.bytes
            }
        return max(lowerBound(ObjectKey(bytes: start)), lowerBound(ObjectKey(bytes: query.prefix)))
    }

    private func versions(of entry: IndexEntry, _ query: ListingQuery) -> [Version] {
        guard query.includesVersions else { return [entry.latest] }
        guard case .afterVersion(let key, let id) = query.start, key == entry.key else {
            return entry.versions
        }
        guard let index = entry.versions.firstIndex(where: { $0.id == id }) else {
            // The version was deleted since: those written before it follow. The null version has no number.
            let bound = UInt64(id, radix: 16) ?? 0
            return entry.versions.filter { $0.sequence < bound }
        }
        return Array(entry.versions[(index + 1)...])
    }

    private func commonPrefix(of key: ObjectKey, _ query: ListingQuery) -> [UInt8]? {
        guard !query.delimiter.isEmpty else { return nil }
        return prefixThrough(query.delimiter, in: key.bytes, from: query.prefix.count)
    }
}

extension ListingPage {
    /// False when the page was full: then something is left.
    fileprivate mutating func add(_ item: Item, _ limit: Int) -> Bool {
        guard items.count < limit else {
            isTruncated = true
            return false
        }
        items.append(item)
        return true
    }
}

/// The least key above everything that begins with `prefix`. UTF-8 has no byte 0xFF, so the last one can grow.
private func successor(of prefix: [UInt8]) -> [UInt8] {
    var bytes = prefix
    guard let last = bytes.popLast() else { return [0xFF] }
    return bytes + [last == 0xFF ? last : last + 1]
}

/// `bytes` up to and including the first `delimiter` at or behind `start`; nil when there is none.
func prefixThrough(_ delimiter: [UInt8], in bytes: [UInt8], from start: Int) -> [UInt8]? {
    guard let first = delimiter.first else { return nil }
    var scan = start
    while let found = bytes[scan...].firstIndex(of: first), found + delimiter.count <= bytes.count {
        let end = found + delimiter.count
        if bytes[found..<end].elementsEqual(delimiter) { return Array(bytes[..<end]) }
        scan = found + 1
    }
    return nil
}
