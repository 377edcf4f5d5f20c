import Testing

@testable import DevStore

@Suite("DevStore's sorted index")
struct SortedIndexTests {
    private func entry(_ key: String, _ sequence: UInt64 = 1) -> IndexEntry {
        IndexEntry(key: ObjectKey(key), latest: version(sequence))
    }

    private func version(_ sequence: UInt64, isDeleteMarker: Bool = false) -> Version {
        Version(
            sequence: sequence,
            isNull: false,
            isDeleteMarker: isDeleteMarker,
            etag: ETag(md5: []),
            size: 1,
            modifiedMilliseconds: 0
        )
    }

    private func names(_ page: ListingPage) -> [String] { page.items.map(\.text) }

    @Test("Thousands of random changes leave it equal to a sorted dictionary")
    func model() {
        var generator = SystemRandomNumberGenerator()
        let seed = UInt64.random(in: 0...UInt64.max, using: &generator)
        var random = seed
        var index = SortedIndex()
        var model: [String: UInt64] = [:]
        for step in 0..<20_000 {
            random = random &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
            let key = "k\((random >> 33) % 3000)"
            if (random >> 20) % 3 == 0 {
                index.remove(ObjectKey(key))
                model[key] = nil
            } else {
                index.set(entry(key, UInt64(step)))
                model[key] = UInt64(step)
            }
        }
        var found: [String] = []
        var query = ListingQuery()
        while true {
            let page = index.page(query)
            found += names(page)
            guard page.isTruncated, let last = page.items.last else { break }
            query.start = .after(Array(last.text.utf8))
        }
        let wanted = model.keys.sorted { Array($0.utf8).lexicographicallyPrecedes(Array($1.utf8)) }
        #expect(found == wanted, "seed \(seed)")
        #expect(index.count == model.count, "seed \(seed)")
        #expect(model.allSatisfy { index[ObjectKey($0.key)]?.latest.sequence == $0.value }, "seed \(seed)")
    }

    @Test("Canonically equal keys are two keys, in the order of their bytes")
    func bytesNotCharacters() {
        var index = SortedIndex()
        for key in ["e\u{301}", "\u{e9}", "z", "😀", "\u{ffff}"] { index.set(entry(key)) }
        #expect(
            names(index.page(ListingQuery())).map { Array($0.utf8) }
                == ["e\u{301}", "z", "\u{e9}", "\u{ffff}", "😀"].map { Array($0.utf8) }
        )
    }

    @Test("Common prefixes stand once, and a page may end at one")
    func commonPrefixes() {
        let index = SortedIndex(sorted: ["a", "b/1", "b/2", "b0", "c/1", "d"].map { entry($0) })
        var query = ListingQuery(delimiter: Array("/".utf8))
        #expect(names(index.page(query)) == ["a", "b/", "b0", "c/", "d"])
        query.limit = 2
        #expect(index.page(query).isTruncated)
        query.start = .afterPrefix(Array("b/".utf8))
        #expect(names(index.page(query)) == ["b0", "c/"])
        query.limit = 0
        #expect(index.page(query).items.isEmpty && !index.page(query).isTruncated)
    }

    @Test("Delete markers hide a key from the plain listing only; versions can be paged")
    func versions() {
        var index = SortedIndex()
        let hidden = IndexEntry(
            key: ObjectKey("a"),
            latest: version(3, isDeleteMarker: true),
            older: [version(2), version(1)]
        )
        index.set(hidden)
        index.set(entry("b", 9))
        #expect(names(index.page(ListingQuery())) == ["b"])
        var query = ListingQuery(limit: 2, includesVersions: true)
        let first = index.page(query)
        #expect(names(first) == ["a", "a"] && first.isTruncated)
        query.start = .afterVersion(ObjectKey("a"), id: versionText(2))
        let second = index.page(query)
        #expect(names(second) == ["a", "b"] && !second.isTruncated)
    }
}
