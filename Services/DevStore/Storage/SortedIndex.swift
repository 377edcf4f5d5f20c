/// What the index keeps of one version of one key: enough to list it and to find its file.
struct Version: Sendable {
    /// Grows with every change of the bucket; the newest version of a key has the highest.
    var sequence: UInt64
    /// The version written while versioning was off or suspended. A key has at most one.
    var isNull: Bool
    var isDeleteMarker: Bool
    var etag: ETag
    var size: Int64
    var modifiedMilliseconds: Int64

    /// As clients see it.
    var id: String { isNull ? "null" : versionText(sequence) }
}

/// 16 hexadecimal digits.
func versionText(_ sequence: UInt64) -> String {
    let digits = String(sequence, radix: 16)
    return String(repeating: "0", count: 16 - digits.utf8.count) + digits
}

/// A key and its versions, newest first. Never without a version.
struct IndexEntry: Sendable {
    let key: ObjectKey
    var latest: Version
    var older: [Version] = []

    var versions: [Version] { [latest] + older }

    /// Nil when nothing would be left.
    func withVersions(_ versions: [Version]) -> IndexEntry? {
        let sorted = versions.sorted { $0.sequence > $1.sequence }
        guard let first = sorted.first else { return nil }
        return IndexEntry(key: key, latest: first, older: Array(sorted.dropFirst()))
    }
}

/// A bucket's keys in the order of their bytes: sorted leaves of at most `leafLimit` entries.
///
/// Finding is two binary searches, changing moves one leaf's entries. Memory: about 80 bytes per entry and
/// 32 bytes plus the key itself, so roughly 170 MiB for a million keys of 60 bytes.
struct SortedIndex: Sendable {
    private static let leafLimit = 512

    private var leaves: [[IndexEntry]] = []
    private(set) var count = 0

    init() {}

    /// From entries in ascending order without repetition.
    init(sorted entries: [IndexEntry]) {
        count = entries.count
        leaves = stride(from: 0, to: entries.count, by: Self.leafLimit / 2).map {
            Array(entries[$0..<min($0 + Self.leafLimit / 2, entries.count)])
        }
    }

    subscript(key: ObjectKey) -> IndexEntry? {
        let place = lowerBound(key)
        guard let entry = entry(at: place), entry.key == key else { return nil }
        return entry
    }

    /// Puts the entry in the place of the one with the same key, or where it belongs.
    mutating func set(_ entry: IndexEntry) {
        let place = lowerBound(entry.key)
        if let present = self.entry(at: place), present.key == entry.key {
            leaves[place.leaf][place.offset] = entry
            return
        }
        count += 1
        insert(entry, at: place)
    }

    mutating func remove(_ key: ObjectKey) {
        let place = lowerBound(key)
        guard let present = entry(at: place), present.key == key else { return }
        count -= 1
        leaves[place.leaf].remove(at: place.offset)
        if leaves[place.leaf].isEmpty { leaves.remove(at: place.leaf) }
    }

    struct Place: Comparable, Sendable {
        fileprivate var leaf: Int
        fileprivate var offset: Int

        static func < (left: Place, right: Place) -> Bool {
            (left.leaf, left.offset) < (right.leaf, right.offset)
        }
    }

    /// The first entry whose key is not below `key`.
    func lowerBound(_ key: ObjectKey) -> Place {
        let leaf = firstIndex(below: leaves.count) { leaves[$0][leaves[$0].count - 1].key >= key }
        guard leaf < leaves.count else { return Place(leaf: leaves.count, offset: 0) }
        return Place(
            leaf: leaf,
            offset: firstIndex(below: leaves[leaf].count) { leaves[leaf][$0].key >= key }
        )
    }

    func entry(at place: Place) -> IndexEntry? {
        guard place.leaf < leaves.count, place.offset < leaves[place.leaf].count else { return nil }
        return leaves[place.leaf][place.offset]
    }

    func place(after place: Place) -> Place {
        guard place.leaf < leaves.count else { return place }
        return place.offset + 1 < leaves[place.leaf].count
            ? Place(leaf: place.leaf, offset: place.offset + 1) : Place(leaf: place.leaf + 1, offset: 0)
    }

    private mutating func insert(_ entry: IndexEntry, at place: Place) {
        guard !leaves.isEmpty else {
            leaves = [[entry]]
            return
        }
        // Past the last leaf means at the end of the last leaf.
        let leaf = min(place.leaf, leaves.count - 1)
        let offset = place.leaf < leaves.count ? place.offset : leaves[leaf].count
        leaves[leaf].insert(entry, at: offset)
        guard leaves[leaf].count > Self.leafLimit else { return }
        let half = Array(leaves[leaf][(Self.leafLimit / 2)...])
        leaves[leaf].removeSubrange((Self.leafLimit / 2)...)
        leaves.insert(half, at: leaf + 1)
    }
}

/// The first index in `0 ..< end` for which the predicate holds, or `end`; it must hold for all that follow.
private func firstIndex(below end: Int, where predicate: (Int) -> Bool) -> Int {
    var (low, high) = (0, end)
    while low < high {
        let middle = (low + high) / 2
        if predicate(middle) { high = middle } else { low = middle + 1 }
    }
    return low
}
