import Determinism
import EventContracts
import Foundation
import Testing

@Suite("I8 an object key equals the generated pattern")
struct ObjectKeyTests {
    @Test func isMadeOfTenantMonthAndIdentity() {
        let key = ObjectKey(
            tenant: "acme",
            id: SampleEvents.uploadID,
            attempt: 1,
            createdAt: SampleEvents.time
        )
        #expect(key?.text == SampleEvents.objectKey)
        #expect(key?.tenant == "acme")
    }

    static let id = "0197a6d2-5c3e-7b41-9a11-77d0c2b3a401"
    static let refused = [
        "", "/", "acme", "acme/2026/11/", "/2026/11/\(id).1", "acme/2026/13/\(id).1", "acme/2026/00/\(id).1",
        "acme/26/11/\(id).1", "acme/2026/1/\(id).1", "acme/2026/11/\(id)", "acme/2026/11/\(id).0",
        "acme/2026/11/\(id).01", "acme/2026/11/\(id).-1", "acme/2026/11/\(id).+1", "acme/2026/11/\(id).1.2",
        "acme/2026/11/\(id).1/", "acme/2026/11/\(id.uppercased()).1", "acme/2026/11/x.1",
        "ACME/2026/11/\(id).1",
        "a_b/2026/11/\(id).1", "../2026/11/\(id).1", "acme/2026/11/../\(id).1", "acme//2026/11/\(id).1",
        "acme/2026/11/\(id).99999999999999999999", "acme/2026/11/\(id).1\n", "acme/２０２６/11/\(id).1",
        "\(String(repeating: "a", count: 64))/2026/11/\(id).1",
    ]

    @Test(arguments: refused)
    func anythingElseIsRefused(_ text: String) { #expect(ObjectKey(text) == nil) }

    @Test func aTenantOutsideThePatternMakesNoKey() {
        for tenant in ["", "Acme", "a/b", "..", "a.b", "ä", String(repeating: "a", count: 64)] {
            #expect(!ObjectKey.isTenant(tenant))
            let key = ObjectKey(
                tenant: tenant,
                id: SampleEvents.uploadID,
                attempt: 1,
                createdAt: SampleEvents.time
            )
            #expect(key == nil)
        }
    }

    @Test(arguments: UInt64(0)..<8)
    func whatIsMadeIsAccepted(seed: UInt64) throws {
        var random = SeededGenerator(seed: seed)
        let alphabet = Array("abcdefghijklmnopqrstuvwxyz0123456789-")
        for _ in 0..<200 {
            let length = Int.random(in: 1...63, using: &random)
            let tenant = String((0..<length).compactMap { _ in alphabet.randomElement(using: &random) })
            let made = try #require(
                ObjectKey(
                    tenant: tenant,
                    id: UUID(),
                    attempt: Int64.random(in: 1 ... .max, using: &random),
                    createdAt: Timestamp(
                        secondsSinceEpoch: Int64.random(in: 0...250_000_000_000, using: &random)
                    )
                )
            )
            #expect(ObjectKey(made.text) == made)
            #expect(made.tenant == tenant)
        }
    }

    @Test func absurdClocksGiveNoKeyInsteadOfATrap() {
        for micros in [Int64.min, Int64.max] {
            let time = Timestamp(microsecondsSinceEpoch: micros)
            #expect(ObjectKey(tenant: "a", id: SampleEvents.uploadID, attempt: 1, createdAt: time) == nil)
        }
    }
}
