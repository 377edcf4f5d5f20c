import EventContracts
import Foundation
import NIOCore
import ObjectStore
import PostgresClient
import SagaEngine
import TestSupport
import Testing

@testable import IndexerService

@Suite("Removal on a bad day", .timeLimit(.minutes(3)))
struct RemovalTroubleTests {
    private func purge(_ story: FileStory, in world: IndexerWorld) async throws {
        try await world.apply(story.stored(), story.deleted(2), story.purging(3))
    }

    private static let troubles = [
        #"[{"action":"dropBefore"}]"#, #"[{"action":"answer","status":500}]"#,
        #"[{"action":"answer","status":403,"code":"AccessDenied"}]"#,
        #"[{"method":"DELETE","action":"answer","status":500}]"#,
        #"[{"method":"DELETE","action":"answer","status":403,"code":"AccessDenied"}]"#,
        #"[{"method":"HEAD","action":"answer","status":500}]"#,
        #"[{"method":"GET","query":"versions","action":"answer","status":500}]"#,
        #"[{"method":"GET","query":"uploads","action":"dropBefore"}]"#,
    ]

    @Test func troubleIsNeverTakenForAbsenceAndGoesByItself() async throws {
        try await IndexerWorld.with { world in
            for (number, trouble) in Self.troubles.enumerated() {
                let (story, other) = (FileStory(number), FileStory(100 + number, content: "stays"))
                try await world.put(story.objectKey, "to go")
                try await world.put(other.objectKey, other.content)
                try await purge(story, in: world)
                let before = try await world.answers().count
                try await world.inject(trouble)
                try await world.driveDue()
                try await world.hurry()
                try await world.driveDue()
                #expect(try await world.answers().count == before, "reported during \(trouble)")
                try await world.inject(nil)
                #expect(try await world.store.head(other.objectKey) != nil, "\(trouble)")
                try await world.hurry()
                try await world.settle()
                #expect(try await world.isAbsent(story.objectKey), "\(trouble)")
                #expect(try await world.answers().count == before + 1, "\(trouble)")
            }
        }
    }

    /// Deleted, but nobody was told: the next look proves it.
    @Test func aLostAnswerCostsAnotherLook() async throws {
        try await IndexerWorld.with { world in
            let story = FileStory(1)
            try await world.put(story.objectKey, "to go")
            try await world.inject(#"[{"method":"DELETE","action":"dropAfter"}]"#)
            try await purge(story, in: world)
            let first = try await world.driveDue()
            #expect(first.contains { if case .postponed(.some) = $0 { true } else { false } })
            #expect(try await world.answers().isEmpty)
            try await world.hurry()
            try await world.settle()
            let removed = RemovedBytes(objectKey: story.objectKey, versionsRemoved: 0)
            #expect(try await world.answers().map(\.detail) == [.bytesRemoved(removed)])
        }
    }

    @Test func aRemovalThatKeepsFailingIsToldOnceAndGoesOn() async throws {
        try await IndexerWorld.with { world in
            let story = FileStory(1, content: "to go")
            try await world.put(story.objectKey, story.content)
            try await purge(story, in: world)
            try await world.inject(
                #"[{"method":"DELETE","action":"answer","status":403,"code":"AccessDenied"}]"#
            )
            for _ in 0..<12 {
                try await world.hurry()
                try await world.driveDue()
            }
            let answers = try await world.answers()
            #expect(answers.map(\.type) == [.fileRemovalStalled])
            guard case .removalStalled(let stalled)? = answers.first?.detail else { return }
            #expect(stalled.attempts == 8 && stalled.reason.contains("AccessDenied"))
            try await world.inject(nil)
            try await world.hurry()
            try await world.settle()
            #expect(try await world.answers().map(\.type) == [.fileRemovalStalled, .fileBytesRemoved])
        }
    }

    /// The upload service asks again when it got no answer: the same event, and the same answer, byte for byte.
    @Test func askedAgainItAnswersAgainTheSame() async throws {
        try await IndexerWorld.with { world in
            let story = FileStory(1, content: "to go")
            try await world.put(story.objectKey, story.content)
            try await purge(story, in: world)
            try await world.settle()
            try await world.put(story.objectKey, "a late write that nobody expected")
            try await world.apply(story.purging(3))
            try await world.settle()
            let answers = try await world.answers()
            #expect(answers.count == 2)
            #expect(Set(answers.compactMap { try? $0.encoded().payload }).count == 1)
            #expect(try await world.isAbsent(story.objectKey))
        }
    }
}
