import EventContracts
import Foundation
import NIOCore
import ObjectStore
import PostgresClient
import SagaEngine
import TestSupport
import Testing

@testable import IndexerService

@Suite("Bytes that must go are gone, and no others", .timeLimit(.minutes(3)))
struct RemovalTests {
    private func purge(_ story: FileStory, in world: IndexerWorld) async throws {
        try await world.apply(story.stored(), story.deleted(2), story.purging(3))
    }

    @Test func purgedBytesAreRemovedAndReported() async throws {
        try await IndexerWorld.with { world in
            let story = FileStory(1, content: "to go")
            try await world.put(story.objectKey, story.content)
            try await purge(story, in: world)
            try await world.settle()
            #expect(try await world.isAbsent(story.objectKey))
            let answers = try await world.answers()
            #expect(answers.map(\.type) == [.fileBytesRemoved] && answers.first?.version == 3)
            #expect(
                answers.first?.detail
                    == .bytesRemoved(RemovedBytes(objectKey: story.objectKey, versionsRemoved: 1))
            )
        }
    }

    @Test func everyVersionGoesAndDeleteMarkersAndOpenUploadsOfExactlyThisKey() async throws {
        try await IndexerWorld.with { world in
            try await world.enableVersioning()
            let story = FileStory(1, content: "to go")
            let siblings = [story.objectKey + "0", story.objectKey + "1.2", story.objectKey + "/x"]
            for key in [story.objectKey] + siblings {
                for round in 0..<3 { try await world.put(key, "round \(round)") }
                try await world.store.delete(key)
                try await world.put(key, "after the marker")
                let upload = try await world.store.createMultipartUpload(key, contentType: nil, metadata: [:])
                _ = try await world.store.uploadPart(
                    key,
                    uploadID: upload,
                    number: 1,
                    body: .bytes(ByteBuffer(string: "part"))
                )
            }
            let known = try await world.store.createMultipartUpload(
                story.objectKey,
                contentType: nil,
                metadata: [:]
            )
            try await world.apply(story.stored(), story.deleted(2), story.purging(3, multipartID: known))
            try await world.settle()

            #expect(try await world.isAbsent(story.objectKey))
            let answers = try await world.answers()
            #expect(
                answers.first?.detail
                    == .bytesRemoved(RemovedBytes(objectKey: story.objectKey, versionsRemoved: 5))
            )
            for key in siblings {
                #expect(try await world.store.head(key)?.size == 16)
                let versions = try await world.store.listVersions(prefix: key, after: nil, limit: 1_000)
                    .versions
                #expect(versions.count { $0.key == key } == 5, "\(key)")
                let uploads = try await world.store.listMultipartUploads(
                    prefix: key,
                    after: nil,
                    limit: 1_000
                ).uploads
                #expect(uploads.count { $0.key == key } == 1, "\(key)")
            }
        }
    }

    /// A PUT that began before its deadline lands after the first look.
    @Test func aLatePutIsFoundByTheSecondLook() async throws {
        try await IndexerWorld.with(late: .seconds(1)) { world in
            let story = FileStory(1)
            try await world.apply(story.discarded())
            try await world.driveDue()
            #expect(try await world.isAbsent(story.objectKey))
            #expect(try await world.answers().isEmpty, "nothing may be said before the second look")
            try await world.put(story.objectKey, "late")
            try await world.settle()
            #expect(try await world.isAbsent(story.objectKey))
            let upload = RemovedUpload(uploadID: story.uploadID, objectKey: story.objectKey)
            #expect(try await world.answers().map(\.detail) == [.uploadBytesRemoved(upload)])
        }
    }

    /// What is found at the second look makes the waiting start over.
    @Test func theWaitingStartsOverWhenSomethingCame() async throws {
        try await IndexerWorld.with(late: .milliseconds(600)) { world in
            let story = FileStory(1)
            try await world.apply(story.discarded())
            try await world.driveDue()
            let began = ContinuousClock.now
            try await world.put(story.objectKey, "late")
            try await world.settle()
            #expect(ContinuousClock.now - began > .milliseconds(1_000))
            let row = try await world.pool.query(Self.removed).first
            #expect(try row?.int64(0) == 1)
        }
    }

    private static let removed: Statement = "SELECT versions_removed FROM removals"

    @Test func aLateUploadIsFoundToo() async throws {
        try await IndexerWorld.with { world in
            let story = FileStory(1)
            try await world.apply(story.discarded())
            try await world.driveDue()
            _ = try await world.store.createMultipartUpload(story.objectKey, contentType: nil, metadata: [:])
            try await world.settle()
            #expect(try await world.isAbsent(story.objectKey))
            #expect(try await world.answers().map(\.type) == [.uploadBytesRemoved])
        }
    }

    // MARK: Refusals

    @Test func aKeyThatAnotherFileRestsOnIsNotTouched() async throws {
        try await IndexerWorld.with { world in
            let story = FileStory(1, content: "alive")
            try await world.put(story.objectKey, story.content)
            try await world.apply(story.stored())
            try await world.settle()
            // The two say opposite things of one upload: a defect somewhere, and the bytes stay.
            try await world.apply(story.discarded())
            try await world.driveDue()
            #expect(try await world.store.head(story.objectKey) != nil)
            #expect(try await world.sagaCount() == 1)
        }
    }

    @Test func aNewerVersionOnThatKeyIsNotTouched() async throws {
        try await IndexerWorld.with { world in
            let story = FileStory(1, content: "alive")
            try await world.put(story.objectKey, story.content)
            try await world.apply(story.stored(), story.deleted(2), story.restored(5))
            try await world.apply(story.purging(3))
            try await world.driveDue()
            #expect(try await world.store.head(story.objectKey) != nil)
            #expect(try await world.answers().map(\.type) == [.fileIndexed])
        }
    }

    @Test func anotherFilesTrashOnThatKeyIsNotTouched() async throws {
        try await IndexerWorld.with { world in
            let (mine, other) = (FileStory(1, content: "mine"), FileStory(2))
            try await world.put(mine.objectKey, mine.content)
            try await world.apply(mine.stored(), mine.deleted(2))
            let wrong = PurgingFile(objectKey: mine.objectKey, s3UploadID: nil)
            try await world.apply(other.event(3, .purging(wrong)))
            try await world.driveDue()
            #expect(try await world.store.head(mine.objectKey) != nil)
        }
    }
}
