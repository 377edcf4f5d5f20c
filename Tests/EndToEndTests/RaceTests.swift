import Foundation
import PostgresClient
import TestSupport
import Testing

@Suite("I10 I31 I32 what happens at once has one winner", .timeLimit(.minutes(2)))
struct RaceTests {
    @Test func eightUploadsOfOneName() async throws {
        try await TestStack.with { stack in
            for round in 0..<4 {
                // The bytes of all are under way before any of them ends.
                let clients = try await withThrowingTaskGroup(of: RawConnection.self) { group in
                    for _ in 0..<8 {
                        group.addTask {
                            let client = try stack.connect()
                            try await client.send(stack.head(ofUpload: "name \(round)", length: 6) + "12345")
                            return client
                        }
                    }
                    return try await group.reduce(into: []) { $0.append($1) }
                }
                try await eventually("all are under way") {
                    try await stack.uploadDatabase.query(
                        "SELECT 1 FROM uploads WHERE name = $1 AND state = 'PENDING'",
                        "name \(round)"
                    ).count == 8
                }
                let answers = try await finish(clients)
                #expect(answers.count { $0.hasPrefix("HTTP/1.1 201") } == 1, "\(answers)")
                #expect(answers.count { $0.hasPrefix("HTTP/1.1 409") } == 7, "\(answers)")
                #expect(
                    answers.count { $0.contains("File already exists: name \(round)") } == 7,
                    "\(answers)"
                )
            }
            try await stack.isSound()
            #expect(try await stack.keys().count == 4)
        }
    }

    private func finish(_ clients: [RawConnection]) async throws -> [String] {
        try await withThrowingTaskGroup(of: String.self) { group in
            for client in clients {
                group.addTask {
                    try await client.send("6")
                    return try await client.receive(within: 20) { $0.hasSuffix("}") }.text
                }
            }
            return try await group.reduce(into: []) { $0.append($1) }
        }
    }

    @Test func aDeleteDuringAnUploadOfTheSameName() async throws {
        try await TestStack.with { stack in
            let late = try stack.connect()
            try await late.send(stack.head(ofUpload: "name", length: 5) + "la")
            try await stack.uploadIsUnderWay("name")
            let early = try await stack.store("name", "early")
            // The name is taken: this one will lose.
            let loser = try stack.connect()
            try await loser.send(stack.head(ofUpload: "name", length: 5) + "lo")
            let refused = try await loser.receive(within: 10) { $0.hasSuffix("}") }
            #expect(refused.text.hasPrefix("HTTP/1.1 409"), "\(refused.text)")
            #expect(try await stack.delete(early).status == 200)
            try await late.send("ter")
            let answer = try await late.receive(within: 20) { $0.hasSuffix("}") }
            #expect(answer.text.hasPrefix("HTTP/1.1 201"), "\(answer.text)")
            // The name has a new owner: the old file cannot come back beside it, and loses nothing by that.
            #expect(try await stack.restore(early).status == 409)
            #expect(try await stack.delete(early, purge: true).status == 200)
            try await stack.isSound()
            #expect(try await stack.keys().count == 1)
        }
    }

    @Test func deletesAndRestoresOfOneFile() async throws {
        try await TestStack.with { stack in
            var ids: [String] = []
            for number in 0..<10 { ids.append(try await stack.store("file \(number)", "A file among many.")) }
            for id in ids {
                async let first = stack.delete(id)
                async let second = stack.delete(id)
                #expect(try await [first, second].map(\.status) == [200, 200])
                #expect(try await stack.restore(id).integer("version") == 3)
            }
            for (number, id) in ids.enumerated() {
                let statuses = try await withThrowingTaskGroup(of: Int.self) { group in
                    for _ in 0..<3 {
                        group.addTask { try await stack.delete(id).status }
                        group.addTask { try await stack.restore(id).status }
                    }
                    if number % 3 == 0 { group.addTask { try await stack.delete(id, purge: true).status } }
                    return try await group.reduce(into: Set()) { $0.insert($1) }
                }
                #expect(statuses.isSubset(of: number % 3 == 0 ? [200, 410] : [200]), "\(statuses)")
                // Who came last is not known here: any end is right that the machine of states allows.
                stack.memory.setFate(.uncertain, of: id)
            }
            try await stack.isSound()
        }
    }

    /// At the very end of its retention a file is restored or purged, and the answer says which.
    @Test func restoresAtTheEndOfTheRetention() async throws {
        var settings = StackSettings()
        settings.trashRetentionSeconds = 1
        try await TestStack.with(settings) { stack in
            let statuses = try await withThrowingTaskGroup(of: Int.self) { group in
                for number in 0..<16 {
                    group.addTask {
                        let id = try await stack.store("file \(number)", "On the brink.")
                        try await stack.delete(id)
                        try await eventually("its time is over") {
                            try await !stack.uploadDatabase.query(
                                "SELECT 1 FROM files WHERE id = $1::text::uuid AND delete_after <= clock_timestamp()",
                                id
                            ).isEmpty
                        }
                        let answer = try await stack.restore(id)
                        if answer.status == 410 { stack.memory.setFate(.purged, of: id) }
                        return answer.status
                    }
                }
                return try await group.reduce(into: Set()) { $0.insert($1) }
            }
            #expect(statuses.isSubset(of: [200, 410]), "\(statuses)")
            try await stack.isSound()
        }
    }

    /// The reader gets all of the bytes or a broken connection, and nobody gets them afterwards.
    @Test func aDeleteDuringADownload() async throws {
        try await TestStack.with { stack in
            let size = 24 << 20
            let id = try await stack.store("large", Array(repeating: UInt8(ascii: "d"), count: size))
            let reader = try stack.connect(receiveBufferBytes: 65_536)
            try await reader.send(
                "GET /api/v1/files/\(id)/content HTTP/1.1\r\nhost: x\r\nauthorization: Bearer \(stack.token)\r\nconnection: close\r\n\r\n"
            )
            let head = try await reader.receive(within: 20) { $0.contains("\r\n\r\n") }.text
            #expect(head.hasPrefix("HTTP/1.1 200"), "\(head.prefix(300))")
            #expect(try await stack.delete(id, purge: true).status == 200)
            #expect(try await stack.content(id).status == 404)
            try await eventually("the bytes are gone") { try await stack.keys().isEmpty }
            let rest = try await reader.receive(within: 30)
            let body = head.split(separator: "\r\n\r\n", maxSplits: 1).dropFirst().first ?? ""
            #expect(rest.isClosed)
            #expect(rest.text.utf8.allSatisfy { $0 == UInt8(ascii: "d") })
            #expect(body.utf8.count + rest.text.utf8.count <= size)
            try await stack.isSound()
        }
    }
}
