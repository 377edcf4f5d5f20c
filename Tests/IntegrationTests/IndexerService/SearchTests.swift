import EventContracts
import Foundation
import HTTPServing
import PostgresClient
import TestSupport
import Testing

@testable import IndexerService

@Suite("Search", .timeLimit(.minutes(2)))
struct SearchTests {
    private func withNames(_ names: [String], _ body: (PostgresPool) async throws -> Void) async throws {
        try await IndexerWorld.withDatabase { pool in
            let events = names.enumerated().map { FileStory($0, name: $1).stored() }
            try await IndexerWorld.apply(events, from: 0, on: pool)
            try await body(pool)
        }
    }

    @Test func understandsWordsPhrasesPrefixesAndExclusions() async throws {
        let names = ["annual report 2026", "report annual", "reporting tools", "draft report", "Übersicht"]
        try await withNames(names) { pool in
            let expected: [(String, Set<String>)] = [
                ("annual report", [names[0], names[1]]), ("\"annual report\"", [names[0]]),
                ("repo*", [names[0], names[1], names[2], names[3]]), ("report -draft", [names[0], names[1]]),
                ("report -\"annual report\"", [names[1], names[3]]), ("ÜBERSICHT", [names[4]]),
                ("absent", []),
            ]
            for (query, found) in expected {
                let names = try await search(query, on: pool).map(\.name)
                #expect(Set(names) == found, "\(query)")
            }
        }
    }

    @Test func filtersByTypeAndByTheBeginningOfTheName() async throws {
        try await IndexerWorld.withDatabase { pool in
            let page = FileStory(1, name: "note one.html", contentType: "text/html; charset=utf-8")
            let text = FileStory(2, name: "a note.txt")
            try await IndexerWorld.apply([page.stored(), text.stored()], from: 0, on: pool)
            #expect(
                try await search("note", "&content_type=TEXT/html", on: pool).map(\.fileID) == [page.fileID]
            )
            #expect(try await search("note", "&name_prefix=a+no", on: pool).map(\.fileID) == [text.fileID])
            #expect(try await search("note", "&name_prefix=%25", on: pool).isEmpty)
        }
    }

    @Test func pagesMeetNoHitTwiceAndMissNone() async throws {
        let names = (0..<37).map { $0.isMultiple(of: 3) ? "word word word \($0)" : "word \($0)" }
        try await withNames(names) { pool in
            var seen: [SearchHit] = []
            var cursor = ""
            repeat {
                var page = try await search("word", "&limit=5\(cursor)", on: pool)
                let isMore = page.count > 5
                if isMore { page.removeLast() }
                cursor = isMore ? page.last.map { "&cursor=\(SearchCursor(after: $0).text)" } ?? "" : ""
                seen += page
            } while !cursor.isEmpty
            #expect(seen.count == 37 && Set(seen.map(\.fileID)).count == 37)
            let ranks = seen.compactMap { Float($0.rank) }
            #expect(ranks == ranks.sorted(by: >))
        }
    }

    @Test func whatIsNotServedIsNotShown() async throws {
        try await IndexerWorld.withDatabase { pool in
            let lives: [[FileEvent]] = [
                [FileStory(1, name: "needle 1").stored()],
                [FileStory(2, name: "needle 2").stored(), FileStory(2, name: "needle 2").deleted(2)],
                [FileStory(3, name: "needle 3").stored(), FileStory(3, name: "needle 3").quarantined(2)],
                [FileStory(4, name: "needle 4").stored(), FileStory(4, name: "needle 4").purged(4)],
            ]
            try await IndexerWorld.apply(lives.flatMap(\.self), from: 0, on: pool)
            #expect(try await search("needle", on: pool).map(\.name) == ["needle 1"])
        }
    }

    private static let badQueries = [
        "", "q=", "q=-a", "q=%21%26", "q=a&limit=0", "q=a&limit=101", "q=a&limit=x", "q=a&cursor=abc",
        "q=a&cursor=MHgxcDAgMDE5N2E2ZDItNWMzZS03YjQxLThmMDAtMmY2YTFjOWQ0ZTU1", "q=%", "q=%zz", "q=%ff",
        "q=a&name_prefix=%00", "q=a&q=b", "q=a&page=2",
        "q=a&content_type=\(String(repeating: "a", count: 1_025))",
        "q=\(String(repeating: "a+", count: 600))",
    ]

    @Test(arguments: badQueries)
    func badQueriesAre400(query: String) {
        #expect { try SearchRequest(query: query) } throws: { ($0 as? Problem)?.status == 400 }
    }

    @Test(arguments: [UInt64.random(in: .min ... .max), 8, 9])
    func whateverIsTypedIsAnsweredOrRefused(seed: UInt64) async throws {
        try await withNames(["it's a:*b & c | !d <-> e", "日本 käse", "x"]) { pool in
            var random = SeededGenerator(seed: seed)
            for _ in 0..<300 {
                let typed = hostile(&random)
                let query = typed.utf8.map { String(format: "%%%02x", $0) }.joined()
                let prefix = hostile(&random).utf8.map { String(format: "%%%02x", $0) }.joined()
                do {
                    let request = try SearchRequest(query: "q=\(query)&name_prefix=\(prefix)")
                    _ = try await SearchStore(pool).search(request, tenant: "acme", owner: "ada")
                } catch let problem as Problem {
                    #expect(problem.status == 400)
                } catch {
                    Issue.record("seed \(seed), \(typed.debugDescription): \(error)")
                }
            }
        }
    }

    private func hostile(_ random: inout SeededGenerator) -> String {
        let awkward = Array("ab1 -\"*'\\&|!():<>@%_\u{0}\n\u{202E}äß語😀\u{301}".unicodeScalars)
        var text = String.UnicodeScalarView()
        for _ in 0..<Int.random(in: 0...30, using: &random) {
            let anything = Unicode.Scalar(UInt32.random(in: 0...0x2FFFF, using: &random))
            let isAwkward = Int.random(in: 0..<6, using: &random) != 0
            if let scalar = isAwkward ? awkward.randomElement(using: &random) : anything {
                text.append(scalar)
            }
        }
        return String(text)
    }
}

@Suite("I54 search shows nobody what is another's")
struct SearchIsolationTests {
    @Test func notOfAnotherOwnerNorOfAnotherTenant() async throws {
        try await IndexerWorld.withDatabase { pool in
            let callers = [("acme", "ada"), ("acme", "bob"), ("other", "ada"), ("other", "bob")]
            let stories = callers.enumerated().map {
                FileStory($0, name: "needle", tenant: $1.0, owner: $1.1)
            }
            try await IndexerWorld.apply(stories.map { $0.stored() }, from: 0, on: pool)
            for (story, caller) in zip(stories, callers) {
                let hits = try await search("needle", tenant: caller.0, owner: caller.1, on: pool)
                #expect(hits.map(\.fileID) == [story.fileID])
            }
            #expect(try await search("needle", tenant: "acme", owner: "eve", on: pool).isEmpty)
            // A cursor tells a place in one's own list and nothing else.
            let hit = try #require(try await search("needle", tenant: "acme", owner: "bob", on: pool).first)
            let cursor = "&cursor=\(SearchCursor(after: hit).text)"
            for rank in ["1e-50", "1e-400", "1e400", "nan", "-1e-46"] {
                let text = Data("\(rank) \(hit.fileID.uuidString)".utf8).base64EncodedString()
                #expect(SearchCursor(text) == nil, "\(rank)")
            }
            let others = try await search("needle", cursor, tenant: "other", owner: "bob", on: pool)
            #expect(others.allSatisfy { $0.fileID == stories[3].fileID })
        }
    }
}
