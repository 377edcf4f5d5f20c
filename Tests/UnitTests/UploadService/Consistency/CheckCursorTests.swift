import Testing

@testable import UploadService

@Suite("How far a check got")
struct CheckCursorTests {
    private static func range(
        _ lower: String?,
        _ upper: String?,
        cursor: String? = nil,
        isDone: Bool = false
    ) -> PartProgress {
        var part = PartProgress(lower: lower.map(KeyText.init), upper: upper.map(KeyText.init))
        part.cursor = cursor
        part.isDone = isDone
        return part
    }

    @Test func endsBeforeTheFirstRangeThatIsNotDone() {
        var progress = CheckProgress(parts: [
            "objects/1": Self.range("g", "p", cursor: "h"),
            "objects/0": Self.range(nil, "g", cursor: "g", isDone: true),
            "objects/2": Self.range("p", nil, cursor: "z", isDone: true),
            "index": Self.range(nil, nil, cursor: "a"),
        ])
        #expect(progress.cursor == "h")
        progress.parts["objects/1"]?.isDone = true
        #expect(progress.cursor == nil)
    }

    @Test func aLossMakesItsWholeRangeUnknown() {
        var lossy = Self.range("g", nil, cursor: "x", isDone: true)
        lossy.lose(["403"])
        let progress = CheckProgress(parts: [
            "objects/0": Self.range(nil, "g", isDone: true), "objects/1": lossy,
        ])
        #expect(progress.cursor == "g")
    }

    @Test func anUnchangedRangeCountsAsCompared() {
        var unchanged = Self.range(nil, "g")
        unchanged.skipped = "unchanged"
        let progress = CheckProgress(parts: ["objects/0": unchanged, "objects/1": Self.range("g", nil)])
        #expect(progress.cursor == "g")
    }
}
