import Digests
import EventContracts
import Foundation
import NIOHTTP1
import PostgresClient
import TestSupport
import Testing

@testable import UploadService

/// Its parts went straight to the store: nobody has read its bytes yet.
@Suite("A file without a stated digest")
struct UnreadFileTests {
    @Test func getsItsDigestFromTheIndexer() async throws {
        try await ServiceUnderTest.run { service in
            let id = try await Self.storeUnread("a", service)
            let path = "/api/v1/files/\(id)"
            #expect(try await service.send(.GET, path).json["sha256"].text == nil)
            let before = try await service.send(.GET, "\(path)/content")
            #expect(before.status == 200 && before.fields.first(name: "repr-digest") == nil)
            let tag = try #require(before.fields.first(name: "etag"))
            #expect(tag == "\"\(id)\"")

            let digest = Digest256.of("data of a")
            try await service.reply(to: id, version: 1, Self.indexed(digest))
            #expect(try await service.send(.GET, path).json["sha256"].text == digest.hex)
            let after = try await service.send(.GET, "\(path)/content")
            #expect(after.fields.first(name: "repr-digest") == "sha-256=:\(digest.base64):")
            #expect(after.fields.first(name: "etag") == tag)
        }
    }

    /// I16: events tell what was stated; a copy made later must have the same bytes.
    @Test func statesNoDigestInLaterEventsEither() async throws {
        try await ServiceUnderTest.run { service in
            let id = try await Self.storeUnread("a", service)
            let before = try await Self.event(of: id, service)
            try await service.reply(to: id, version: 1, Self.indexed(Digest256.of("data of a")))
            #expect(try await Self.event(of: id, service) == before)
            try await service.send(.DELETE, "/api/v1/files/\(id)")
            #expect(try await service.send(.POST, "/api/v1/files/\(id)/restore").status == 200)
            guard case .restored(let file) = try await Self.event(of: id, service).detail else {
                Issue.record("not restored")
                return
            }
            #expect(file.sha256 == nil)
        }
    }

    /// What was computed first holds: bytes that are others after a restore are not served.
    @Test func ofOtherBytesThanBeforeIsQuarantined() async throws {
        try await ServiceUnderTest.run { service in
            let id = try await Self.storeUnread("a", service)
            let path = "/api/v1/files/\(id)"
            let digest = Digest256.of("data of a")
            try await service.reply(to: id, version: 1, Self.indexed(digest))
            try await service.send(.DELETE, path)
            try await service.send(.POST, "\(path)/restore")
            // Of a version that is no more.
            try await service.reply(to: id, version: 1, Self.indexed(Digest256.of("others")))
            #expect(try await service.send(.GET, path).json["state"].text == "AVAILABLE")
            try await service.reply(to: id, version: 3, Self.indexed(Digest256.of("others")))
            let file = try await service.send(.GET, path)
            #expect(file.json["quarantine_reason"].text == "digest_mismatch")
            #expect(file.json["sha256"].text == digest.hex)
        }
    }

    private static func storeUnread(_ name: String, _ service: ServiceUnderTest) async throws -> String {
        let id = try await service.upload(name).id
        try await service.pool.execute("UPDATE files SET sha256 = NULL")
        return id
    }

    private static func indexed(_ digest: Digest256) -> FileEvent.Detail {
        .indexed(IndexedFile(sha256: digest.hex, indexedBytes: 6, textKind: "plain"))
    }

    /// As it would be written now.
    private static func event(of id: String, _ service: ServiceUnderTest) async throws -> FileEvent {
        let fileID = try #require(UUID(uuidString: id))
        return try #require(try await FileStore.find([fileID], on: service.pool).first).stateEvent
    }
}
