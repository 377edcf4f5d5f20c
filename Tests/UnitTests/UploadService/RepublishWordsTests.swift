import Determinism
import ServiceBootstrap
import Testing

@testable import UploadService

@Suite struct RepublishWordsTests {
    @Test func wordsAreRead() throws {
        let id = "0190f000-0000-7000-8000-000000000040"
        let words = try RepublishWords([
            "--file", id, "--file", id, "--tenant", "acme", "--since", "2026-11-21T09:30:00Z", "--until",
            "2026-11-22T09:30:00Z", "--topic", "waybill.rebuild.v1", "--reason", "new index",
        ])
        #expect(words.selection.fileIDs?.map(\.text) == [id, id] && words.selection.tenant == "acme")
        #expect(words.selection.since?.rfc3339 == "2026-11-21T09:30:00.000000Z")
        #expect(words.topic.name == "waybill.rebuild.v1" && words.reason == "new index")
        #expect(try RepublishWords([]).selection.isEverything)
    }

    @Test(arguments: [
        ["--file"], ["--file", "x"], ["--since", "yesterday"], ["--topic", "other"], ["--nonsense", "x"],
        ["--topic", "waybill.index.v1"], ["all"],
    ])
    func othersAreRefused(_ arguments: [String]) {
        #expect(throws: ConfigurationError.self) { try RepublishWords(arguments) }
    }
}
