import Determinism
import EventContracts
import Foundation
import Testing

@Suite struct TrashKeyTests {
    private static let plan = UUID()
    private static let key = "acme/2026/11/0197a6d2-5c3e-7b41-9a11-77d0c2b3a401.1"

    @Test func whatIsMadeIsRecognised() throws {
        let key = try #require(ObjectKey(Self.key))
        let made = TrashKey(plan: Self.plan, objectKey: key, on: Timestamp(secondsSinceEpoch: 1_795_253_400))
        #expect(made.text == ".waybill/trash/2026-11-21/\(Self.plan.text)/\(Self.key)")
        #expect(TrashKey(made.text, plan: Self.plan, objectKey: Self.key) == made)
        #expect(TrashKey(made.text, plan: UUID(), objectKey: Self.key) == nil)
        #expect(TrashKey(made.text, plan: Self.plan, objectKey: Self.key + "1") == nil)
    }

    @Test(arguments: [
        "", "acme/2026/11/x", ".waybill/trash/2026-11-2x/PLAN/KEY", ".waybill/trash/2026-11-211/PLAN/KEY",
        ".waybill/trash/../trash/PLAN/KEY", ".waybill/deployment/2026-11-21/PLAN/KEY",
        ".waybill/trash/2026-11-21/PLAN/KEY/", "x.waybill/trash/2026-11-21/PLAN/KEY",
    ])
    func nothingElseIs(_ text: String) {
        let text = text.replacing("PLAN", with: Self.plan.text).replacing("KEY", with: Self.key)
        #expect(TrashKey(text, plan: Self.plan, objectKey: Self.key) == nil)
    }
}
