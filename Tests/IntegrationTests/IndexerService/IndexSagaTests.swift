import Digests
import EventContracts
import Foundation
import IdempotentInbox
import PostgresClient
import SagaEngine
import TestSupport
import Testing

@testable import IndexerService

@Suite("A stored file is read back before it can be found", .timeLimit(.minutes(2)))
struct IndexSagaTests {
    @Test func genuineBytesBecomeSearchable() async throws {
        try await IndexerWorld.with { world in
            let story = FileStory(1, content: "Der Käse liegt im Keller.")
            try await world.put(story.objectKey, story.content)
            try await world.apply(story.stored())
            try await world.settle()

            #expect(try await search("käse keller", on: world.pool).map(\.fileID) == [story.fileID])
            let answers = try await world.answers()
            #expect(answers.map(\.type) == [.fileIndexed] && answers.first?.version == 1)
            guard case .indexed(let file)? = answers.first?.detail else { return }
            #expect(file.textKind == "plain" && file.indexedBytes == Int64(story.content.utf8.count))
        }
    }

    @Test func anEmptyFileIsFoundByItsName() async throws {
        try await IndexerWorld.with { world in
            let story = FileStory(1, name: "empty notes.txt")
            try await world.put(story.objectKey, "")
            try await world.apply(story.stored())
            try await world.settle()
            #expect(try await world.answers().map(\.type) == [.fileIndexed])
            #expect(try await search("notes", on: world.pool).count == 1)
        }
    }

    @Test func otherBytesAreRejected() async throws {
        try await rejection(put: "nineteen bytes hEre", claimed: "nineteen bytes here") { file in
            #expect(file.reason == .digestMismatch && file.actualSize == 19 && file.actualSHA256 != nil)
            #expect(file.actualSHA256 != file.expectedSHA256)
        }
    }

    @Test func anotherSizeIsRejected() async throws {
        try await rejection(put: "short", claimed: "much longer") { file in
            #expect(file.reason == .sizeMismatch && file.expectedSize == 11 && file.actualSize == 5)
        }
    }

    @Test func aFileWithoutDigestGetsTheOneOfItsBytes() async throws {
        try await IndexerWorld.with { world in
            let story = FileStory(1, content: "sent in parts", isDigested: false)
            let digest = Digest256.of(story.content).hex
            try await world.put(story.objectKey, story.content)
            try await world.apply(story.stored())
            #expect(try await search("file", on: world.pool).map(\.sha256) == [nil])
            try await world.settle()
            #expect(try await search("parts", on: world.pool).map(\.sha256) == [digest])
            guard case .indexed(let file)? = try await world.answers().first?.detail else {
                Issue.record("not indexed")
                return
            }
            #expect(file.sha256 == digest)

            // What was computed once is still shown while a restored file is being read again.
            try await world.apply(story.deleted(2), story.restored(3))
            #expect(try await search("file", on: world.pool).map(\.sha256) == [digest])
            try await world.settle()
            #expect(try await world.answers().map(\.version) == [1, 3])
        }
    }

    @Test func aFileWithoutDigestIsStillHeldToItsSize() async throws {
        try await rejection(put: "short", claimed: "much longer", isDigested: false) { file in
            #expect(file.reason == .sizeMismatch && file.expectedSize == 11 && file.actualSize == 5)
            #expect(file.expectedSHA256 == nil)
        }
    }

    @Test func aMissingObjectIsRejected() async throws {
        try await rejection(put: nil, claimed: "anything") { file in
            #expect(file.reason == .objectMissing && file.actualSize == nil && file.actualSHA256 == nil)
        }
    }

    private func rejection(
        put: String?,
        claimed: String,
        isDigested: Bool = true,
        _ check: (RejectedFile) -> Void
    ) async throws {
        try await IndexerWorld.with { world in
            let story = FileStory(1, name: "claimed.txt", content: claimed, isDigested: isDigested)
            if let put { try await world.put(story.objectKey, put) }
            try await world.apply(story.stored())
            try await world.settle()
            let answers = try await world.answers()
            #expect(answers.count == 1)
            guard case .rejected(let file)? = answers.first?.detail else {
                Issue.record("not rejected: \(answers)")
                return
            }
            check(file)
            // Not to be found any more, even before the upload service has quarantined it.
            #expect(try await search("claimed", on: world.pool).isEmpty)
        }
    }

    /// One bit turned on the way, or a connection cut: the first is for the digest to find, the second is no verdict.
    @Test func aCorruptAnswerIsRejectedAndACutOneIsReadAgain() async throws {
        try await IndexerWorld.with { world in
            let story = FileStory(1, content: "some words")
            try await world.put(story.objectKey, story.content)
            try await world.apply(story.stored())
            try await world.inject(
                #"[{"method":"GET","keyPrefix":"acme/","action":"truncate","bytes":3,"count":1}]"#
            )
            #expect(try await world.driveDue().allSatisfy { if case .postponed = $0 { true } else { false } })
            #expect(try await world.answers().isEmpty)
            try await world.hurry()
            try await world.settle()
            #expect(try await world.answers().map(\.type) == [.fileIndexed])

            let corrupt = FileStory(2, content: "other words")
            try await world.put(corrupt.objectKey, corrupt.content)
            try await world.inject(#"[{"method":"GET","keyPrefix":"acme/","action":"corrupt","count":1}]"#)
            try await world.apply(corrupt.stored())
            try await world.settle()
            #expect(try await world.answers().map(\.type) == [.fileIndexed, .fileRejected])
        }
    }

    @Test func aStoreThatIsAwayIsNoVerdict() async throws {
        try await IndexerWorld.with { world in
            let story = FileStory(1, content: "some words")
            try await world.put(story.objectKey, story.content)
            try await world.apply(story.stored())
            for fault in [
                #""action":"dropBefore""#, #""action":"answer","status":500"#,
                #""action":"answer","status":403"#,
            ] {
                try await world.inject("[{\(fault)}]")
                try await world.hurry()
                try await world.driveDue()
                try await world.inject(nil)
                #expect(try await world.answers().isEmpty, "\(fault)")
            }
            try await world.hurry()
            try await world.settle()
            #expect(try await world.answers().map(\.type) == [.fileIndexed])
        }
    }

    @Test func aSupersededSagaSaysNothing() async throws {
        try await IndexerWorld.with { world in
            let story = FileStory(1, content: "some words")
            try await world.put(story.objectKey, story.content)
            try await world.apply(story.stored())
            let slow = try #require(try await world.claimDue(IndexSaga.kind).first)
            try await world.apply(story.deleted(2), story.restored(3))
            #expect(try await world.drive(slow) == .lost)
            #expect(try await world.answers().isEmpty)
            try await world.settle()
            #expect(try await world.answers().map(\.version) == [3])
        }
    }

    @Test func aFileDeletedMeanwhileIsNotReadAndNotAnswered() async throws {
        try await IndexerWorld.with { world in
            let story = FileStory(1, content: "some words")
            try await world.apply(story.stored())
            try await world.apply(story.deleted(2))
            try await world.inject(#"[{"method":"GET","action":"dropBefore"}]"#)
            try await world.settle()
            #expect(try await world.answers().isEmpty)
            #expect(try await world.document(story.fileID)?.state == "DELETED")
        }
    }

    /// One batch may hold several lives of one file.
    @Test func storedAndRestoredInOneBatchIsOneSaga() async throws {
        try await IndexerWorld.with { world in
            let story = FileStory(1, content: "some words")
            try await world.put(story.objectKey, story.content)
            let counts = try await world.apply(story.stored(), story.deleted(2), story.restored(3))
            #expect(counts.applied == 3 && counts.parked == 0)
            #expect(try await world.sagaCount() == 1)
            try await world.settle()
            #expect(try await world.answers().map(\.version) == [3])
        }
    }
}
