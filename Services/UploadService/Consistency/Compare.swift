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
        var last: Key?
        while left.isDecided, right.isDecided {
            switch (left.key, right.key) {
            case (nil, nil): return last.map { (pairings, $0) }
            case (let leftKey?, nil):
                last = leftKey
                if let element = left.take() { pairings.append(.left(element)) }
            case (nil, let rightKey?):
                last = rightKey
                if let element = right.take() { pairings.append(.right(element)) }
            case (let leftKey?, let rightKey?):
                if leftKey < rightKey {
                    last = leftKey
                    if let element = left.take() { pairings.append(.left(element)) }
                } else if rightKey < leftKey {
                    last = rightKey
                    if let element = right.take() { pairings.append(.right(element)) }
                } else {
                    last = leftKey
                    if let one = left.take(), let other = right.take() { pairings.append(.both(one, other)) }
                }
            }
        }
        return last.map { (pairings, $0) }
    }
}

/// One source and its page under way.
private struct Side<Source: SortedPages, Key: Comparable & Sendable>: Sendable {
    private(set) var source: Source
    private let keyOf: @Sendable (Source.Element) -> Key
    private var page: ArraySlice<Source.Element> = []
    private var isOver = false
    private var previous: Key?

    init(_ source: Source, key: @escaping @Sendable (Source.Element) -> Key) {
        self.source = source
        keyOf = key
    }

    /// Whether it is known what comes next, if anything.
    var isDecided: Bool { isOver || !page.isEmpty }
    var key: Key? { page.first.map(keyOf) }

    mutating func take() -> Source.Element? { page.popFirst() }

    mutating func fill() async throws(CheckFailure) {
        while page.isEmpty, !isOver {
            guard let next = try await source.nextPage() else {
                isOver = true
                return
            }
            for element in next {
                let key = keyOf(element)
                if let previous, !(previous < key) { throw .disorder("\(key) comes after \(previous)") }
                previous = key
            }
            page = next[...]
        }
    }
}
