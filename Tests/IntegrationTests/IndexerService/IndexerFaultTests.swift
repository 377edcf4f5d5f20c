import Determinism
import EventContracts
import FaultPoints
import Foundation
import ObjectStore
import PostgresClient
import TestSupport
import Testing

@testable import IndexerService

private let points: [FaultPoint] = [
    .beforeObjectVerified, .afterObjectVerified, .beforeIndexCommitted, .afterIndexCommitted,
    .beforeBytesDeleted, .afterBytesDeleted, .beforeRemovalReported, .afterRemovalReported,
]

@Suite("A crash at any point of the indexer changes nothing in the end", .timeLimit(.minutes(2)))
struct IndexerFaultTests {
    @Test(arguments: points)
    func oneAnswerToEachOrder(point: FaultPoint) async throws {
        let crash = CrashOnce(at: point, mode: .throw)
        try await IndexerWorld.with(faults: crash) { world in
            let (kept, gone, dropped) = (FileStory(1, content: "needle"), FileStory(2), FileStory(3))
            for story in [kept, gone, dropped] { try await world.put(story.objectKey, story.content) }
            try await world.apply(
                kept.stored(),
                gone.stored(),
                gone.deleted(2),
                gone.purging(3),
                dropped.discarded()
            )
            try await world.driveDue()
            #expect(crash.reached.contains(point) || point.rawValue.hasSuffix("RemovalReported"))
            try await eventually("no saga left") {
                try await world.abandonLeases()
                try await world.driveDue()
                return try await world.sagaCount() == 0
            }
            #expect(crash.reached.contains(point))
            #expect(
                try await world.answers().map(\.id).sorted()
                    == [
                        "\(kept.fileID.text).1.file.indexed", "\(gone.fileID.text).3.file.bytes_removed",
                        "\(dropped.fileID.text).1.upload.bytes_removed",
                    ].sorted()
            )
            #expect(try await world.store.head(kept.objectKey) != nil)
            #expect(try await search("needle", on: world.pool).count == 1)
            for story in [gone, dropped] { #expect(try await world.isAbsent(story.objectKey)) }
        }
    }
}
