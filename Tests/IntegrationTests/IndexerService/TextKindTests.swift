import EventContracts
import Foundation
import TestSupport
import Testing

@testable import IndexerService

/// Each with its bytes, its media type, and a word that must find it.
private let kinds: [(name: String, contentType: String, content: String, word: String, kind: String)] = [
    ("a.txt", "text/plain", "plain needle", "needle", "plain"),
    ("a.md", "text/markdown", "# Titel\n\n**needle**", "needle", "markdown"),
    ("a.json", "application/json", #"{"k": "K\u00e4se"}"#, "käse", "json"),
    ("a.csv", "text/csv", "one;needle\n2;3", "needle", "csv"),
    ("a.html", "text/html", "<p>Gr&uuml;n<b>k</b>ohl<script>hidden</script>", "grünkohl", "html"),
    ("a.xml", "application/xml", "<a><b>needle</b></a>", "needle", "xml"),
    ("a.swift", "application/octet-stream", "object.needle()", "needle", "source"),
    ("needle.png", "image/png", "not looked at", "needle", "binary"),
]

@Suite("Text of every kind is found", .timeLimit(.minutes(2)))
struct TextKindTests {
    @Test func byAWordOfIts() async throws {
        try await IndexerWorld.with { world in
            for (number, sample) in kinds.enumerated() {
                let story = FileStory(
                    number,
                    name: sample.name,
                    content: sample.content,
                    contentType: sample.contentType
                )
                try await world.put(story.objectKey, story.content)
                try await world.apply(story.stored())
            }
            try await world.settle()
            for (number, sample) in kinds.enumerated() {
                let hits = try await search(sample.word, on: world.pool)
                #expect(hits.map(\.fileID).contains(FileStory(number).fileID), "\(sample.name)")
            }
            #expect(try await search("hidden", on: world.pool).isEmpty)
            let answered = try await world.answers().map { event -> String in
                if case .indexed(let file) = event.detail { return file.textKind }
                return "\(event.type)"
            }
            #expect(answered.sorted() == kinds.map(\.kind).sorted())
        }
    }

    /// What Windows writes and what it cut at a limit: bytes that are no UTF-8 at all.
    @Test func latin1AndNFDMeetTheirNFCTwin() async throws {
        try await IndexerWorld.with { world in
            let decomposed = "Ka\u{308}se"
            let story = FileStory(1, name: "x.txt", content: decomposed)
            try await world.put(story.objectKey, story.content)
            try await world.apply(story.stored())
            try await world.settle()
            #expect(try await search("käse", on: world.pool).count == 1)
            #expect(try await search("ka\u{308}se", on: world.pool).count == 1)
        }
    }

    /// Far more than one tsvector can hold.
    @Test func aHugeFileOfDifferentWordsIsIndexedAsFarAsItGoes() async throws {
        try await IndexerWorld.with { world in
            let content = (0..<300_000).map { "wort\($0)" }.joined(separator: " ")
            let story = FileStory(1, content: content)
            try await world.put(story.objectKey, story.content)
            try await world.apply(story.stored())
            try await world.settle()
            #expect(try await world.answers().map(\.type) == [.fileIndexed])
            #expect(try await search("wort17", on: world.pool).count == 1)
        }
    }
}
