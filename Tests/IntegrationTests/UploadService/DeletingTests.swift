import AsyncHTTPClient
import EventContracts
import NIOCore
import NIOHTTP1
import PostgresClient
import TestSupport
import Testing

@testable import UploadService

@Suite("I36 after a delete no reader gets the content")
struct DeletingTests {
    @Test func theSameAnswerTwiceAndNothingToRead() async throws {
        try await ServiceUnderTest.run { service in
            let id = try await service.upload("a").id
            let path = "/api/v1/files/\(id)"
            let first = try await service.send(.DELETE, path)
            #expect(first.status == 200)
            #expect(first.json["document_id"].text == id)
            #expect(first.json["state"].text == "DELETED")
            #expect(first.json["delete_after"].text != nil)
            #expect(try await service.send(.DELETE, path).body == first.body)
            #expect(try await service.send(.GET, path).status == 404)
            #expect(try await service.send(.GET, "\(path)/content").status == 404)
            #expect(try await service.send(.GET, "/api/v1/files").json["files"].items.isEmpty)
            let trash = try await service.send(.GET, "/api/v1/files?state=deleted")
            #expect(trash.json["files"][0]["id"].text == id)
            #expect(try await service.ledger.history(of: id) == ["file.stored.1", "file.deleted.2"])
        }
    }

    @Test func deletesRacingWithReads() async throws {
        try await ServiceUnderTest.run { service in
            let id = try await service.upload("a").id
            try await withThrowingTaskGroup(of: Void.self) { group in
                for _ in 0..<8 {
                    group.addTask {
                        let deleted = try await service.send(.DELETE, "/api/v1/files/\(id)")
                        #expect(deleted.status == 200)
                        #expect(try await service.send(.GET, "/api/v1/files/\(id)/content").status == 404)
                    }
                }
                try await group.waitForAll()
            }
            #expect(try await service.ledger.history(of: id) == ["file.stored.1", "file.deleted.2"])
        }
    }

    @Test func aBatchHasAnOutcomeEach() async throws {
        try await ServiceUnderTest.run { service in
            let mine = try await service.upload("a").id
            let theirs = try await service.upload("a", as: ServiceUnderTest.bob).id
            let body = ByteBuffer(string: #"{"ids":["\#(mine)","\#(theirs)","nonsense","\#(mine)"]}"#)
            let answer = try await service.send(.POST, "/api/v1/files/batch-delete", body: .bytes(body))
            #expect(answer.status == 207)
            #expect(answer.json["items"].items.map { $0["status"].number } == [200, 404, 404, 200])
            #expect(
                try await service.send(.GET, "/api/v1/files/\(theirs)", as: ServiceUnderTest.bob).status
                    == 200
            )
            let ids = Array(repeating: "\"\(mine)\"", count: 1_001).joined(separator: ",")
            for text in ["", "[]", "{}", #"{"ids":[]}"#, #"{"ids":[1]}"#, "{\"ids\":[\(ids)]}"] {
                let refused = try await service.send(
                    .POST,
                    "/api/v1/files/batch-delete",
                    body: .bytes(ByteBuffer(string: text))
                )
                #expect(refused.status == 400)
                #expect(refused.code == "INVALID_BODY")
            }
        }
    }
}

@Suite("I12 the history of a file is a path of its state machine")
struct FileHistoryTests {
    @Test func throughTrashAndBackToTheEnd() async throws {
        try await ServiceUnderTest.run { service in
            let id = try await service.upload("a").id
            let path = "/api/v1/files/\(id)"
            try await service.send(.DELETE, path)
            let restored = try await service.send(.POST, "\(path)/restore")
            #expect(restored.status == 200)
            #expect(restored.json["version"].number == 3)
            #expect(try await service.send(.POST, "\(path)/restore").json["version"].number == 3)
            #expect(try await service.send(.GET, "\(path)/content").text == "hello\n")
            try await service.send(.DELETE, path)
            let purged = try await service.send(.DELETE, "\(path)?purge=true")
            #expect(purged.status == 200)
            #expect(purged.json["message"].text?.contains("for good") == true)
            // Whether or not the saga has come to it: what was promised is final.
            #expect(try await service.send(.POST, "\(path)/restore").code == "FILE_PURGED")
            try await eventually("the purge began") {
                try await service.send(.DELETE, path).json["state"].text == "PURGING"
            }
            let tooLate = try await service.send(.POST, "\(path)/restore")
            #expect(tooLate.status == 410)
            #expect(tooLate.code == "FILE_PURGED")
            try await service.reply(to: id, version: 6, .bytesRemoved(try await service.removedBytes(of: id)))
            #expect(try await service.send(.DELETE, path).json["state"].text == "PURGED")
            let history = try await service.ledger.history(of: id)
            #expect(
                history == [
                    "file.stored.1", "file.deleted.2", "file.restored.3", "file.deleted.4", "file.deleted.5",
                    "file.purging.6",
                    "file.purged.7",
                ]
            )
            #expect(try await service.pool.query("SELECT 1 FROM sagas").isEmpty)
            #expect(try await service.upload("a").status == 201)
            try await service.ledger.expectGoodKeysAndEvents()
        }
    }

    @Test func aFileOfOtherBytesIsQuarantined() async throws {
        try await ServiceUnderTest.run { service in
            let id = try await service.upload("a").id
            let path = "/api/v1/files/\(id)"
            let rejection = RejectedFile(
                reason: .digestMismatch,
                expectedSize: 6,
                actualSize: 6,
                expectedSHA256: String(repeating: "0", count: 64),
                actualSHA256: nil
            )
            try await service.reply(to: id, version: 2, .rejected(rejection))
            #expect(try await service.send(.GET, path).json["state"].text == "AVAILABLE")
            try await service.reply(to: id, version: 1, .rejected(rejection))
            try await service.reply(to: id, version: 1, .rejected(rejection))
            #expect(try await service.send(.GET, path).json["quarantine_reason"].text == "digest_mismatch")
            let content = try await service.send(.GET, "\(path)/content")
            #expect(content.status == 409)
            #expect(content.code == "FILE_QUARANTINED")
            #expect(try await service.send(.POST, "\(path)/restore").code == "FILE_QUARANTINED")
            #expect(
                try await service.send(.GET, "/api/v1/files?state=quarantined").json["files"].items.count == 1
            )
            #expect(try await service.upload("a").status == 409)
            try await service.send(.DELETE, path)
            #expect(try await service.send(.POST, "\(path)/restore").code == "FILE_QUARANTINED")
            let history = try await service.ledger.history(of: id)
            #expect(history == ["file.stored.1", "file.quarantined.2", "file.deleted.3"])
        }
    }

    @Test func aFileOnLegalHoldIsNotPurged() async throws {
        try await ServiceUnderTest.run { service in
            let id = try await service.upload("a").id
            try await service.pool.execute("UPDATE files SET legal_hold = true")
            try await service.send(.DELETE, "/api/v1/files/\(id)?purge=true")
            // The worker looks, and puts the saga down until later.
            try await eventually("the purge waits") {
                try await !service.pool.query("SELECT 1 FROM sagas WHERE wake_at > now() + interval '30 s'")
                    .isEmpty
            }
            #expect(try await service.send(.DELETE, "/api/v1/files/\(id)").json["state"].text == "DELETED")
            #expect(try await service.send(.POST, "/api/v1/files/\(id)/restore").status == 200)
        }
    }

    @Test func theRepliesOfTheIndexerMoveNothingElse() async throws {
        try await ServiceUnderTest.run { service in
            let id = try await service.upload("a").id
            try await service.reply(to: id, version: 1, .bytesRemoved(try await service.removedBytes(of: id)))
            let indexed = IndexedFile(
                sha256: try await service.send(.GET, "/api/v1/files/\(id)").json["sha256"].text ?? "",
                indexedBytes: 6,
                textKind: "plain"
            )
            try await service.reply(to: id, version: 1, .indexed(indexed))
            let file = try await service.send(.GET, "/api/v1/files/\(id)")
            #expect(file.json["state"].text == "AVAILABLE")
            #expect(file.json["index_state"].text == "INDEXED")
            #expect(file.json["version"].number == 1)
        }
    }

    @Test func aDeleteWithAConditionIsForThatFileOnly() async throws {
        try await ServiceUnderTest.run { service in
            let id = try await service.upload("a").id
            let path = "/api/v1/files/\(id)"
            let stale = try await service.send(.DELETE, path, fields: [("if-match", "\"nope\"")])
            #expect(stale.status == 412)
            #expect(stale.code == "PRECONDITION_FAILED")
            let content = try await service.send(.GET, "\(path)/content")
            #expect(content.status == 200)
            let tag = try #require(content.fields.first(name: "etag"))
            #expect(try await service.send(.DELETE, path, fields: [("if-match", tag)]).status == 200)
            let restored = try await service.send(.POST, "\(path)/restore")
            #expect(restored.status == 200)
            let facts = try await service.send(.GET, path)
            let newest = try #require(facts.fields.first(name: "etag"))
            #expect(try await service.send(.DELETE, path, fields: [("if-match", newest)]).status == 200)
        }
    }

    @Test func aDiscardedUploadIsReapedWhenItsBytesAreGone() async throws {
        try await ServiceUnderTest.run { service in
            try await service.upload("a", fields: [("x-content-sha256", String(repeating: "0", count: 64))])
            try await service.ledger.settle()
            let row = try #require(
                try await service.pool.query("SELECT id, file_id::text, object_key FROM uploads").first
            )
            let removed = RemovedUpload(uploadID: try row.uuid(0), objectKey: try row.text(2))
            try await service.reply(to: try row.text(1), version: 1, .uploadBytesRemoved(removed))
            try await service.reply(to: try row.text(1), version: 1, .uploadBytesRemoved(removed))
            #expect(try await service.ledger.uploads() == ["a REAPED"])
        }
    }
}
