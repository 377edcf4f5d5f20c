import TestSupport
import Testing

@testable import UploadService

/// Pages of any size, empty ones among them.
private struct Pages: SortedPages {
    var pages: [[KeyText]]
    mutating func nextPage() async throws(CheckFailure) -> [KeyText]? {
        pages.isEmpty ? nil : pages.removeFirst()
    }

    init(_ keys: [KeyText], _ generator: inout SeededGenerator) {
        pages = []
        var rest = keys[...]
        while !rest.isEmpty {
            let count = Int.random(in: 0...7, using: &generator)
            pages.append(Array(rest.prefix(count)))
            rest = rest.dropFirst(count)
        }
    }
}

/// A pairing as text, so that it can be compared and printed.
private func text(_ pairing: Pairing<KeyText, KeyText>) -> String {
    switch pairing {
    case .left(let key): "L " + bytes(key)
    case .right(let key): "R " + bytes(key)
    case .both(let key, let other): "B " + bytes(key) + (key == other ? "" : " with " + bytes(other))
    }
}

private func bytes(_ key: KeyText) -> String { Array(key.text.utf8).map(String.init).joined(separator: ".") }

@Suite struct CompareTests {
    /// Keys on which the orders of bytes, of Unicode and of UTF-16 differ, and which Unicode takes for equal.
    private static let pieces = [
        "a", "b", "é", "e\u{301}", "\u{212B}", "Å", "A\u{30A}", "\u{FFFD}", "\u{10000}", "z", "/", ".", "-",
        "ﬀ", "ff",
    ]

    private static func keys(_ count: Int, _ generator: inout SeededGenerator) -> [KeyText] {
        var keys: Set<[UInt8]> = []
        while keys.count < count {
            let length = Int.random(in: 1...4, using: &generator)
            let text = (0..<length).map { _ in pieces.randomElement(using: &generator) ?? "a" }.joined()
            keys.insert(Array(text.utf8))
        }
        return keys.sorted { $0.lexicographicallyPrecedes($1) }
            .map { KeyText(String(decoding: $0, as: UTF8.self)) }
    }

    @Test(arguments: 1...200) func theMergeIsThatOfTwoSets(_ seed: UInt64) async throws {
        var generator = SeededGenerator(seed: seed)
        let all = Self.keys(Int.random(in: 0...120, using: &generator), &generator)
        let left = all.filter { _ in Bool.random(using: &generator) }
        let right = all.filter { _ in Bool.random(using: &generator) }
        var compare = Compare(
            Pages(left, &generator),
            Pages(right, &generator),
            leftKey: { $0 },
            rightKey: { $0 }
        )
        var found: [String] = []
        var lasts: [KeyText] = []
        while let (pairings, last) = try await compare.next() {
            found += pairings.map(text)
            lasts.append(last)
        }
        let leftSet = Set(left.map(bytes))
        let rightSet = Set(right.map(bytes))
        let expected = all.map(bytes).compactMap { key -> String? in
            switch (leftSet.contains(key), rightSet.contains(key)) {
            case (true, true): "B " + key
            case (true, false): "L " + key
            case (false, true): "R " + key
            case (false, false): nil
            }
        }
        #expect(found == expected, "seed \(seed)")
        #expect(lasts.last.map(bytes) == expected.last.map { String($0.dropFirst(2)) }, "seed \(seed)")
        #expect(zip(lasts, lasts.dropFirst()).allSatisfy { $0 < $1 }, "seed \(seed)")
    }

    /// By Swift's own order and equality of strings the same streams are out of order, or different keys are one.
    @Test func theOrderOfSwiftStringsWouldBeCaught() async throws {
        var generator = SeededGenerator(seed: 7)
        var wrongCount = 0
        for _ in 0..<50 {
            let keys = Self.keys(60, &generator)
            var compare = Compare(
                Pages(keys, &generator),
                Pages(keys.filter { _ in Bool.random(using: &generator) }, &generator),
                leftKey: \.text,
                rightKey: \.text
            )
            if await Self.isMisled(&compare) { wrongCount += 1 }
        }
        #expect(wrongCount == 50)
    }

    /// Whether the merge gave up, or took one key for another.
    private static func isMisled(_ compare: inout Compare<Pages, Pages, String>) async -> Bool {
        do {
            while let next = try await compare.next() {
                for pairing in next.pairings where text(pairing).contains("with") { return true }
            }
            return false
        } catch {
            return true
        }
    }

    @Test func keysAreOrderedByTheirBytes() {
        #expect(KeyText("\u{FFFD}") < KeyText("\u{10000}"))
        #expect(KeyText("é") != KeyText("e\u{301}") && "é" == "e\u{301}")
        #expect(KeyText("a") < KeyText("a/") && KeyText("a-") < KeyText("a/"))
        #expect(Set([KeyText("é"), KeyText("e\u{301}")]).count == 2)
        #expect(!(KeyText("") < KeyText("")) && KeyText("") < KeyText("a"))
    }

    @Test(arguments: [["b", "a"], ["a", "a"]]) func whatIsNotInOrderEndsTheMerge(_ keys: [String]) async {
        var generator = SeededGenerator(seed: 1)
        var compare = Compare(
            Pages(keys.map(KeyText.init), &generator),
            Pages([], &generator),
            leftKey: { $0 },
            rightKey: { $0 }
        )
        await #expect(throws: CheckFailure.self) { while try await compare.next() != nil {} }
    }
}
