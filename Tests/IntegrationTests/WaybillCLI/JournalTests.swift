import Digests
import Foundation
import TestSupport
import Testing

@testable import WaybillCLI

/// On a real disk.
@Suite("Uploads under way are remembered")
struct JournalTests {
    private func withFolder(_ body: (_ folder: String) throws -> Void) throws {
        let folder = ProcessFolder.make("waybill-journal")
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        try body(folder)
    }

    private func entry(_ source: SourceFile, _ id: String = UUID().uuidString.lowercased()) -> JournalEntry {
        JournalEntry(
            server: "http://127.0.0.1:1",
            source: source,
            name: "name",
            uploadID: id,
            contentType: "text/plain",
            partSize: nil,
            startedAt: "2026-11-21T09:30:00.000000Z"
        )
    }

    @Test func whatIsWrittenIsReadByTheNextProcess() throws {
        try withFolder { folder in
            try Data("content".utf8).write(to: URL(filePath: "\(folder)/a"))
            let source = try SourceFile(opening: "\(folder)/a")
            let journal = Journal(folder: "\(folder)/deep/er/waybill")
            let written = entry(source)
            do {
                let slot = try journal.slot(server: "s", path: "p", name: "n")
                #expect(slot.read() == nil)
                try slot.write(written)
            }
            let slot = try journal.slot(server: "s", path: "p", name: "n")
            #expect(slot.read() == written)
            let path = try #require(try files(journal).first { $0.hasSuffix(".json") })
            let mode = try FileManager.default.attributesOfItem(atPath: path)[.posixPermissions] as? Int
            #expect(mode == 0o600)
            try slot.remove()
            #expect(slot.read() == nil)
            #expect(try files(journal).isEmpty)
        }
    }

    @Test func theDigestIsNotedAsSoonAsItIsKnown() async throws {
        let folder = ProcessFolder.make("waybill-digest")
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        let bytes = Array(repeating: UInt8(7), count: 1_000_000)
        try Data(bytes).write(to: URL(filePath: "\(folder)/a"))
        let source = try SourceFile(opening: "\(folder)/a")
        let slot = try Journal(folder: folder + "/state").slot(server: "s", path: "p", name: "n")
        try slot.write(entry(source))
        let first = FileDigest(source: source, entry: try #require(slot.read()), slot: slot)
        #expect(try await first.find() == Digest256.of(bytes))
        let noted = try #require(slot.read())
        #expect(noted.sha256 == Digest256.of(bytes).hex)

        // The next process takes it as it is noted, without reading; but not of a file that changed.
        var other = noted
        other.sha256 = Digest256.of("noted").hex
        #expect(
            try await FileDigest(source: source, entry: other, slot: slot).find() == Digest256.of("noted")
        )
        other.sha256 = nil
        try slot.write(other)
        let file = try #require(FileHandle(forWritingAtPath: "\(folder)/a"))
        try file.write(contentsOf: Data("changed".utf8))
        try file.close()
        _ = try await FileDigest(source: source, entry: other, slot: slot).find()
        #expect(slot.read()?.sha256 == nil)
    }

    @Test func aPlaceIsOneServersOneFilesAndOneNames() throws {
        try withFolder { folder in
            try Data([1]).write(to: URL(filePath: "\(folder)/a"))
            let source = try SourceFile(opening: "\(folder)/a")
            let journal = Journal(folder: folder + "/state")
            try journal.slot(server: "s", path: "p", name: "n").write(entry(source))
            for (server, path, name) in [
                ("s2", "p", "n"), ("s", "p2", "n"), ("s", "p", "n2"), ("s\np", "", "n"),
            ] {
                #expect(try journal.slot(server: server, path: path, name: name).read() == nil)
            }
        }
    }

    @Test func onlyOneAtATime() throws {
        try withFolder { folder in
            let journal = Journal(folder: folder)
            var first: JournalSlot? = try journal.slot(server: "s", path: "p", name: "n")
            #expect(throws: ClientFailure.inUse("Another waybill is sending p.")) {
                try journal.slot(server: "s", path: "p", name: "n")
            }
            try first?.remove()
            // Its lock is no longer at that place.
            let second = try journal.slot(server: "s", path: "p", name: "n")
            first = nil
            #expect(second.read() == nil)
        }
    }

    @Test(arguments: ["", "{", "{\"version\":1}", "null", "\u{0}"])
    func whatCannotBeReadIsAsIfItWereNotThere(_ junk: String) throws {
        try withFolder { folder in
            try Data([1]).write(to: URL(filePath: "\(folder)/a"))
            let source = try SourceFile(opening: "\(folder)/a")
            let journal = Journal(folder: folder + "/state")
            let slot = try journal.slot(server: "s", path: "p", name: "n")
            try slot.write(entry(source))
            let path = try #require(try files(journal).first { $0.hasSuffix(".json") })
            try Data(junk.utf8).write(to: URL(filePath: path))
            #expect(slot.read() == nil)
            try slot.write(entry(source, "no uuid"))
            #expect(slot.read() == nil)
        }
    }

    @Test func aChangedFileIsAnotherOne() throws {
        try withFolder { folder in
            let path = "\(folder)/a"
            try Data("one".utf8).write(to: URL(filePath: path))
            let before = try SourceFile(opening: path)
            #expect(try before.isUnchanged() && before.facts == SourceFile(opening: path).facts)
            let file = try #require(FileHandle(forWritingAtPath: path))
            try file.write(contentsOf: Data("two".utf8))
            try file.close()
            #expect(try !before.isUnchanged() && before.facts != SourceFile(opening: path).facts)
            #expect(before.canonicalPath.hasSuffix("/a") && before.name == "a")
            #expect(throws: ClientFailure.self) { try before.read(at: 2, count: 2) }
            #expect(throws: ClientFailure.self) { try SourceFile(opening: folder) }
            #expect(throws: ClientFailure.self) { try SourceFile(opening: "\(folder)/absent") }
        }
    }

    @Test func aFinishedFileReplacesNothingUnasked() throws {
        try withFolder { folder in
            try Data("new".utf8).write(to: URL(filePath: "\(folder)/draft"))
            try Data("old".utf8).write(to: URL(filePath: "\(folder)/target"))
            #expect(throws: ClientFailure.self) {
                try DurableFile.publish("\(folder)/draft", as: "\(folder)/target", replacing: false)
            }
            #expect(try String(contentsOfFile: "\(folder)/target", encoding: .utf8) == "old")
            try DurableFile.publish("\(folder)/draft", as: "\(folder)/target", replacing: true)
            #expect(try String(contentsOfFile: "\(folder)/target", encoding: .utf8) == "new")
            #expect(try FileManager.default.contentsOfDirectory(atPath: folder) == ["target"])
        }
    }

    private func files(_ journal: Journal) throws -> [String] {
        try FileManager.default.contentsOfDirectory(atPath: journal.folder).map { "\(journal.folder)/\($0)" }
    }
}
