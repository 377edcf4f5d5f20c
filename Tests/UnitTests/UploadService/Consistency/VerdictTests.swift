import Determinism
import Digests
import TestSupport
import Testing

import struct Foundation.UUID

@testable import UploadService

@Suite struct VerdictTests {
    private static let key = KeyText("acme/2026/11/01987654-0000-7000-8000-000000000001.1")
    private static let object = ObjectState(size: 5, etag: "e")

    private static func row(_ upload: UploadState, _ file: FileState? = nil, etag: String = "e") -> RowFacts {
        RowFacts(
            key: key,
            uploadID: UUID(),
            uploadState: upload,
            file: file.map {
                RowFacts.File(
                    state: $0,
                    version: 1,
                    size: 5,
                    etag: etag,
                    sha256: nil,
                    createdAt: Timestamp(secondsSinceEpoch: 0)
                )
            }
        )
    }

    @Test(arguments: UploadState.allCases) func uploadsWithoutAFile(_ state: UploadState) {
        let row = Self.row(state)
        let isLost = state == .completed
        #expect(Verdict(Self.key, nil, row)?.kind == (isLost ? .stuckState : nil))
        let kind: FindingKind? = isLost ? .stuckState : state == .reaped ? .orphanObject : nil
        #expect(Verdict(Self.key, Self.object, row)?.kind == kind)
    }

    @Test(arguments: FileState.allCases) func files(_ state: FileState) {
        let row = Self.row(.completed, state)
        let mustBeThere = state == .available || state == .deleted
        #expect(Verdict(Self.key, nil, row)?.kind == (mustBeThere ? .missingObject : nil))
        #expect(Verdict(Self.key, Self.object, row)?.kind == (state == .purged ? .orphanObject : nil))
        let longer = ObjectState(size: 6, etag: "x")
        let damaged = ObjectState(size: 5, etag: "x")
        if mustBeThere {
            #expect(Verdict(Self.key, longer, row)?.kind == .sizeMismatch)
            #expect(Verdict(Self.key, damaged, row)?.kind == .digestMismatch)
        }
    }

    @Test func anETagNobodyKnowsSaysNothing() {
        #expect(Verdict(Self.key, Self.object, Self.row(.completed, .available, etag: "")) == nil)
        #expect(Verdict(Self.key, ObjectState(size: 5, etag: ""), Self.row(.completed, .available)) == nil)
    }

    @Test func objectsWithoutARow() {
        #expect(Verdict(Self.key, Self.object, nil)?.detail == "no row has this key")
        #expect(Verdict(KeyText("holiday.jpg"), Self.object, nil)?.detail == "not a key of ours")
    }

    @Test func onlyTheSameRowIsUnchanged() {
        let row = Self.row(.active)
        #expect(row.isUnchanged(since: row))
        #expect(!row.isUnchanged(since: nil))
        #expect(!row.isUnchanged(since: Self.row(.active)))
    }
}

@Suite struct CheckReportTests {
    private func report(
        _ parts: [String: PartProgress],
        trouble: [String: String] = [:],
        found: [FindingKind: Int64] = [:]
    ) -> CheckReport {
        let check = StoredCheck(
            id: UUID(),
            request: CheckRequest(requestedBy: "test"),
            state: .running,
            incarnation: "1/1",
            isComplete: nil,
            isConsistent: nil,
            progress: CheckProgress(parts: [:]),
            report: nil,
            startedAt: Timestamp(secondsSinceEpoch: 0),
            finishedAt: nil,
            counts: nil,
            ageSeconds: 0
        )
        return CheckReport(
            check,
            CheckProgress(parts: parts),
            trouble: trouble,
            counts: found,
            orphanedObjects: [],
            orphanedRows: [],
            window: .seconds(3_600),
            finishedAt: Timestamp(secondsSinceEpoch: 1)
        )
    }

    private static var done: PartProgress {
        var part = PartProgress()
        part.isDone = true
        part.add(1, to: .markers)
        return part
    }

    @Test func onlyWhatIsWholeIsConsistent() {
        let whole = report(["objects/000": Self.done, "states": Self.done])
        #expect(whole.isComplete && whole.isConsistent)
        #expect(whole.counts.count == FindingKind.allCases.count)
        var lost = Self.done
        lost.lose(["a page"])
        var skipped = Self.done
        skipped.skipped = "unchanged"
        var unmarked = Self.done
        unmarked.counts = [:]
        let partial = [
            report([:]), report(["objects/000": PartProgress()]), report(["objects/000": lost]),
            report(["objects/000": skipped]), report(["objects/000": unmarked]),
            report(["objects/000": Self.done, "index": PartProgress()]),
            report(["objects/000": Self.done], trouble: ["surroundings": "another bucket"]),
        ]
        for report in partial { #expect(!report.isComplete && !report.isConsistent) }
    }

    @Test func aFindingIsNotConsistent() {
        let report = report(["objects/000": Self.done], found: [.eventGap: 1])
        #expect(report.isComplete && !report.isConsistent)
    }
}
