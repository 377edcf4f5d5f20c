import Determinism
import Digests
import EventContracts
import Foundation
import Testing

@testable import UploadService

@Suite("I37 what a plan may do follows from the rows")
struct RepairPlannerTests {
    private static let key = "acme/2026/11/0197a6d2-5c3e-7b41-9a11-77d0c2b3a401.1"

    static func finding(
        _ kind: RepairKind = .orphanObject,
        key: String? = key,
        upload: UploadState? = nil,
        file: FileState? = nil,
        fileID: UUID? = nil
    ) -> RepairFinding {
        RepairFinding(
            id: 1,
            kind: kind,
            subject: key ?? "x",
            tenant: nil,
            fileID: fileID,
            uploadID: nil,
            objectKey: key,
            multipartID: "m",
            rowVersion: nil,
            rowState: nil,
            size: 4,
            etag: "e",
            upload: upload,
            file: file
        )
    }

    /// Every pair of states a row and its file can be in.
    @Test(arguments: [nil] + UploadState.allCases, [nil] + FileState.allCases)
    func onlyDoomedOrRowlessObjectsGo(_ upload: UploadState?, _ file: FileState?) {
        let action = RepairPlanner(policy: [:]).action(for: Self.finding(upload: upload, file: file))
        let isOpen = [.pending, .active, .completing].contains(upload) || upload == .completed && file == nil
        switch file {
        case .available, .deleted, .quarantined: #expect(action == .leave)
        case .purging: #expect(action == .wake)
        case .purged: #expect(action == .quarantine)
        case nil where isOpen: #expect(action == .leave)
        case nil where upload?.isDoomed == true: #expect(action == .discardAgain)
        case nil: #expect(action == .quarantine)
        }
    }

    @Test(arguments: RepairKind.allCases, RepairAction.allCases)
    func aPolicyMayChooseAmongTheActionsOfAKindOnly(_ kind: RepairKind, _ action: RepairAction) {
        let planned = RepairPlanner(policy: [kind: action]).action(
            for: Self.finding(kind, upload: kind == .orphanObject ? nil : .reaped, fileID: UUID())
        )
        #expect(planned == (kind.actions.contains(action) ? action : .leave))
    }

    @Test(arguments: [
        "", "x", "acme/2026/13/0197a6d2-5c3e-7b41-9a11-77d0c2b3a401.1", ".waybill/deployment/x", key + "0/x",
    ])
    func foreignKeysAreLeft(_ key: String) {
        #expect(RepairPlanner(policy: [:]).action(for: Self.finding(key: key)) == .leave)
        #expect(RepairPlanner(policy: [:]).action(for: Self.finding(.leakedMultipart, key: key)) == .leave)
    }

    @Test func aGhostNobodyKnowsIsLeft() {
        #expect(RepairPlanner(policy: [:]).action(for: Self.finding(.indexGhost)) == .leave)
    }

    // MARK: The hash

    private static let item = RepairPlanner(policy: [:]).item(1, finding(fileID: UUID()))

    private static func hash(_ items: [RepairItem], reason: String = "r", checked: Int64 = 1) -> Digest256 {
        PlanHash.of(
            id,
            check: id,
            scope: .full,
            reason: reason,
            incarnation: "i",
            checkedCount: checked,
            items
        )
    }

    private static let id = UUID()

    @Test func everyFieldIsInTheHash() {
        let hash = Self.hash([Self.item])
        let others = [
            Self.hash([]), Self.hash([Self.item, Self.item]), Self.hash([Self.item], reason: "s"),
            Self.hash([Self.item], checked: 2),
            Self.hash([
                RepairPlanner(policy: [.orphanObject: .leave]).item(1, Self.finding(fileID: Self.item.fileID))
            ]),
            Self.hash([RepairPlanner(policy: [:]).item(2, Self.finding(fileID: Self.item.fileID))]),
            Self.hash([RepairPlanner(policy: [:]).item(1, Self.finding(key: "x", fileID: Self.item.fileID))]),
            Self.hash([RepairPlanner(policy: [:]).item(1, Self.finding(fileID: UUID()))]),
        ]
        #expect(Set(others + [hash]).count == others.count + 1)
        #expect(Self.hash([Self.item]) == hash)
    }
}

@Suite("I39 the brake")
struct RepairBrakeTests {
    @Test(
        arguments: [
            (0, 100, 0, false), (0, 101, 0, true), (20_000, 100, 0, false), (20_200, 101, 0, false),
            (20_199, 101, 0, true), (1_000_000, 5_000, 0, false), (1_000_000, 5_001, 0, true),
            (1_000_000, 1, 107_374_182_400, false), (1_000_000, 1, 107_374_182_401, true),
        ] as [(Int64, Int64, Int64, Bool)]
    )
    func muchNeedsAPerson(_ checked: Int64, _ harm: Int64, _ bytes: Int64, _ needs: Bool) {
        let plan = RepairPlan(
            id: UUID(),
            checkID: UUID(),
            scope: .full,
            reason: "",
            createdBy: "",
            incarnation: "",
            state: .planned,
            stopReason: nil,
            itemCount: harm,
            harmCount: harm,
            byteCount: bytes,
            checkedCount: checked,
            hash: Digest256.of(""),
            startedBy: nil,
            isConfirmed: false,
            createdAt: Timestamp(secondsSinceEpoch: 0),
            finishedAt: nil
        )
        #expect(plan.needsConfirmation == needs)
    }
}
