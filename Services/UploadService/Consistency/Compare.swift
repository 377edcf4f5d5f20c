/// A source whose elements come page by page in strictly ascending order.
protocol SortedPages<Element>: Sendable {
    associatedtype Element: Sendable
    /// The next elements; nil at the end. An empty page is not the end.
    mutating func nextPage() async throws(CheckFailure) -> [Element]?
}

extension SortedPages {
    /// The next elements, and the source as it is behind them: what is read ahead beside other work.
    func followed() async -> Result<(page: [Element]?, rest: Self), CheckFailure> {
        var rest = self
        do throws(CheckFailure) { return .success((try await rest.nextPage(), rest)) } catch {
            return .failure(error)
        }
    }
}

/// Elements that are all there.
struct OnePage<Element: Sendable>: SortedPages {
    private var elements: [Element]?

    init(_ elements: some Sequence<Element>) { self.elements = Array(elements) }

    mutating func nextPage() -> [Element]? {
        defer { elements = nil }
        return elements
    }
}

/// What two sources hold under one key.
enum Pairing<Left: Sendable, Right: Sendable>: Sendable {
    case left(Left)
    case right(Right)
    case both(Left, Right)
}

/// Merges two sorted sources into one ascending stream of pairings. Both are asked at the same time, each at most one page ahead,
/// so that neither waits for the other; no more than two pages of each are in memory.
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

    /// The next pairings, at most as many as four pages have elements, and the last key among them; nil at the end.
    mutating func next() async throws(CheckFailure) -> (
        pairings: [Pairing<Left.Element, Right.Element>], last: Key
    )? {
        (left, right) = try await filled()
        return merged()
    }

    private func filled() async throws(CheckFailure) -> (Side<Left, Key>, Side<Right, Key>) {
        let (left, right) = (left, right)
        async let filledLeft = left.filled()
        async let filledRight = right.filled()
        return (try await filledLeft.get(), try await filledRight.get())
    }

    /// Up to where it is not known any more what one side has next; nil when both are at their end.
    private mutating func merged() -> (pairings: [Pairing<Left.Element, Right.Element>], last: Key)? {
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

/// One source, its page under way and perhaps the one behind it.
private struct Side<Source: SortedPages, Key: Comparable & Sendable>: Sendable {
    /// The last element first: taking the next one moves it out, where copying would count references.
    private struct Page {
        var elements: [Source.Element] = []
        /// Of the elements: each is made once.
        var keys: [Key] = []
    }

    private(set) var source: Source
    private let keyOf: @Sendable (Source.Element) -> Key
    private var page = Page()
    private var ahead: Page?
    private var lastKey: Key?
    private var isOver = false

    init(_ source: Source, key: @escaping @Sendable (Source.Element) -> Key) {
        self.source = source
        keyOf = key
    }

    /// Whether it is known what comes next, if anything.
    var isDecided: Bool { isOver || !page.keys.isEmpty }
    var key: Key? { page.keys.last }
    var restCount: Int { page.keys.count + (ahead?.keys.count ?? 0) }

    mutating func take() -> Source.Element? {
        guard let element = page.elements.popLast() else { return nil }
        _ = page.keys.popLast()
        if page.keys.isEmpty, let ahead { begin(ahead) }
        return element
    }

    /// The same with a page more, unless there is one ahead or none to come.
    func filled() async -> Result<Self, CheckFailure> {
        var side = self
        do throws(CheckFailure) {
            try await side.fill()
            return .success(side)
        } catch { return .failure(error) }
    }

    private mutating func fill() async throws(CheckFailure) {
        while ahead == nil, !isOver {
            guard let elements = try await source.nextPage() else {
                isOver = true
                return
            }
            guard !elements.isEmpty else { continue }
            let next = try checkedPage(elements)
            guard page.keys.isEmpty else {
                ahead = next
                return
            }
            return begin(next)
        }
    }

    /// Throws unless they go on in order behind all that came before.
    private mutating func checkedPage(_ elements: consuming [Source.Element]) throws(CheckFailure) -> Page {
        var keys = elements.map(keyOf)
        for key in keys {
            if let lastKey, !(lastKey < key) { throw .disorder("\(key) comes after \(lastKey)") }
            lastKey = key
        }
        elements.reverse()
        keys.reverse()
        return Page(elements: elements, keys: keys)
    }

    private mutating func begin(_ next: Page) {
        (page, ahead) = (next, nil)
    }
}
