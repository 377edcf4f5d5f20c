import Foundation
import Testing

@testable import WaybillCLI

@Suite("What the client reads, and shows")
struct ClientTextTests {
    @Test func aProblemTellsWhatToDo() {
        let body = #"""
            {"status":422,"retryable":false,"errorCode":"PARTS_MISSING","detail":"Not all.","part_numbers":[2,5],"x":{}}
            """#
        let refusal = Refusal(status: 422, retryAfter: "3", body: Data(body.utf8))
        #expect(refusal.code == "PARTS_MISSING" && refusal.partNumbers == [2, 5])
        #expect(refusal.retryAfter == .seconds(3) && refusal.detail == "Not all.")
    }

    @Test(arguments: ["", "<html>", "{", "[]", "{\"errorCode\":7}", "\u{0}"])
    func whatIsNoProblemIsToldByItsStatus(_ body: String) {
        let refusal = Refusal(status: 502, retryAfter: "Wed, 21 Oct 2026 07:28:00 GMT", body: Data(body.utf8))
        #expect(refusal.code == nil && refusal.detail == "The server answered 502.")
        #expect(refusal.retryAfter == nil && ClientFailure.refused(refusal).isTransient)
    }

    @Test func aStoreTellsItsCode() {
        let body = Data("<?xml version=\"1.0\"?><Error><Code>BadDigest</Code><Key>secret</Key></Error>".utf8)
        #expect(
            Refusal(status: 400, retryAfter: nil, body: body).detail == "The object store refused: BadDigest."
        )
    }

    @Test(arguments: [
        ("report.pdf", "report.pdf"), ("../../etc/passwd", "passwd"), ("a\\b\\c.txt", "c.txt"), ("/", nil),
        ("..", nil), ("", nil), ("a/..", nil), ("x\u{1B}[31my", "x?[31my"), ("\u{202E}fdp.exe", "?fdp.exe"),
        ("日本 😀.txt", "日本 😀.txt"),
    ])
    func namesOfOthersAreNoPaths(_ name: String, _ safe: String?) {
        #expect(safeFileName(name) == safe)
    }

    @Test func aLongNameIsCutBetweenCharacters() throws {
        let safe = try #require(safeFileName(String(repeating: "👩‍👩‍👧‍👦", count: 100)))
        #expect(safe.utf8.count <= 200 && safe.allSatisfy { $0 == "👩‍👩‍👧‍👦" } && !safe.isEmpty)
    }

    @Test(arguments: [
        "", "example.com", "ftp://example.com", "http://", "https://user:secret@example.com",
        "http://example.com?x=1", "http://example.com#a",
    ])
    func aServerIsAPlainURL(_ url: String) {
        #expect(throws: ServerOptions.Wrong.self) { try Server(url: url, token: "wb_1") }
    }

    @Test(arguments: ["", "wb 1", "wb\n1", "wb\r\nx-evil: 1", "wü"])
    func aTokenIsPlainText(_ token: String) {
        #expect(throws: ServerOptions.Wrong.self) { try Server(url: "http://127.0.0.1:80", token: token) }
    }

    @Test func theServersURLEndsWithoutSlash() throws {
        #expect(try Server(url: "https://h:1/waybill//", token: "t").url == "https://h:1/waybill")
    }

    @Test func progressFitsItsTerminal() {
        let reading = ProgressMeter.Reading(done: 700 << 20, total: 3 << 30)
        let line = ProgressLine(label: "big file.bin", reading: reading, bytesPerSecond: 35e6)
        #expect(line.text(width: 100).hasSuffix("22% 700.0 MiB of 3.0 GiB, 33.4 MiB/s, 1:11 left"))
        #expect(line.text(width: 100).hasPrefix("big file.bin [####"))
        for width in 0...120 { #expect(line.text(width: width).count <= max(0, width - 1)) }
        let odd: [(Int64, Int64?)] = [(0, nil), (0, 0), (-5, 10), (99, 10), (.max, .max), (0, .max)]
        for (done, total) in odd {
            for rate in [nil, 0, -3, 1e300, .infinity, .nan] as [Double?] {
                let line = ProgressLine(
                    label: "a\u{1B}b",
                    reading: .init(done: done, total: total),
                    bytesPerSecond: rate
                )
                #expect(!line.text(width: 60).contains("\u{1B}"))
            }
        }
    }
}
