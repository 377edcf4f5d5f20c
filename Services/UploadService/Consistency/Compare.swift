/// A source whose elements come page by page in strictly ascending order.
protocol SortedPages<Element>: Sendable {
    associatedtype Element: Sendable
    /// The next elements; nil at the end. An empty page is not the end.
    mutating func nextPage() async throws(CheckFailure) -> [Element]?
}

/// What two sources hold under one key.
enum Pairing<Left: Sendable, Right: Sendable>: Sendable {
    case left(Left)
    case right(Right)
    case both(Left, Right)
}

/// Merges two sorted sources into one ascending stream of pairings, with no more memory than one page of each.
///
/// A source that is not in order ends the merge: behind a misplaced element everything would look missing.
struct Compare<Left: SortedPages, Right: SortedPages, Key: Comparable & Sendable>: Sendable {
    private var left: Side<Left, Key>
    private var right: Side<Right, Key>

    init(
        _ left: Left,
        _ right: Right,
        leftKey: @escaping @Sendable (Left.Element) -> Key,
        rightKey: @escaping @Sendable (Right.Element) -> Key
    ) {
        self.left = Side(left, key: leftKey)
        self.right = Side(right, key: rightKey)
    }

    /// What the left source has come to know on its way.
    var leftSource: Left { left.source }

    /// The next pairings, at most as many as two pages have elements, and the last key among them; nil at the end.
    mutating func next() async throws(CheckFailure) -> (
        pairings: [Pairing<Left.Element, Right.Element>], last: Key
    )? {
        try await left.fill()
        try await right.fill()
        var pairings: [Pairing<Left.Element, Right.Element>] = []
        pairings.reserveCapacity(max(left.restCount, right.restCount))
        var last: Key?
        while left.isDecided, right.isDecided {
            switch (left.key, right.key) {
            case (nil, nil): return last.map { (pairings, $0) }
            // First: of two sources that agree nearly every pair is this.
            case (let leftKey?, let rightKey?) where leftKey == rightKey:
                last = leftKey
                if let one = left.take(), let other = right.take() { pairings.append(.both(one, other)) }
            case (let leftKey?, let rightKey) where rightKey.map { leftKey < $0 } ?? true:
                last = leftKey
                if let element = left.take() { pairings.append(.left(element)) }
            case (_, let rightKey):
                last = rightKey
                if let element = right.take() { pairings.append(.right(element)) }
            }
        }
        return last.map { (pairings, $0) }
    }
}

/// One source and its page under way.
private struct Side<Source: SortedPages, Key: Comparable & Sendable>: Sendable {
    private(set) var source: Source
    private let keyOf: @Sendable (Source.Element) -> Key
    private var page: [Source.Element] = []
    /// Of the page before, when this one is empty.
    private var last: Key?
    /// Of the page's elements: each is made once.
    private var keys: [Key] = []
    private var index = 0
    private var isOver = false

    init(_ source: Source, key: @escaping @Sendable (Source.Element) -> Key) {
        self.source = source
        keyOf = key
    }

    /// Whether it is known what comes next, if anything.
    var isDecided: Bool { isOver || index < keys.count }
    var key: Key? { index < keys.count ? keys[index] : nil }
    var restCount: Int { keys.count - index }

    mutating func take() -> Source.Element? {
        guard index < page.count else { return nil }
        defer { index += 1 }
        return page[index]
    }

    mutating func fill() async throws(CheckFailure) {
        while index == page.count, !isOver {
            guard let next = try await source.nextPage() else {
                isOver = true
                return
            }
            var previous = keys.last ?? last
            last = previous
            keys = next.map(keyOf)
            for key in keys {
                if let previous, !(previous < key) { throw .disorder("\(key) comes after \(previous)") }
                previous = key
            }
            (page, index) = (next, 0)
        }
    }
}
