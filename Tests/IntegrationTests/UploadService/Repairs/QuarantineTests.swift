import AsyncHTTPClient
import Determinism
import EventContracts
import Foundation
import NIOCore
import NIOHTTP1
import ObjectStore
import PostgresClient
import Testing

@testable import UploadService

@Suite("I37 only what is doomed, or long seen without a row, is ordered away", .timeLimit(.minutes(3)))
struct QuarantineTests {
    private static let day = Duration.seconds(86_400)

    @Test(arguments: [
        (2, 90_000, "ORDERED"), (2, 86_400, "ORDERED"), (2, 86_000, "WAITING"), (1, 90_000, "WAITING"),
        (9, 0, "WAITING"),
    ])
    func sightingsDecide(_ count: Int, _ seconds: Int, _ state: String) async throws {
        try await ServiceUnderTest.withRepairs { service in
            let object = try await service.plantObject()
            try await service.plantSightings(of: object, count: count, seconds: seconds)
            let check = try await service.plantCheck()
            try await service.plantFinding(.orphanObject, of: object, in: check)
            let plan = try await service.plan(check)
            let repairs = service.repairs.with(age: Self.day, objectAge: .zero)
            #expect(try await repairs.run(plan.id, by: "ops/root", confirm: nil).counts == [state: 1])
            #expect(try await service.orders().count == (state == "ORDERED" ? 1 : 0))
        }
    }

    /// The database's clock may jump; the object's own age is told by the store.
    @Test func aYoungObjectWaitsWhateverTheSightingsSay() async throws {
        try await ServiceUnderTest.withRepairs { service in
            let (check, _) = try await service.plantRipeOrphan()
            let plan = try await service.plan(check)
            let repairs = service.repairs.with(age: .zero, objectAge: Self.day)
            #expect(try await repairs.run(plan.id, by: "ops/root", confirm: nil).counts == ["WAITING": 1])
            #expect(try await service.orders().isEmpty)
        }
    }

    @Test func clocksFarApartAreBelievedBoth() async throws {
        try await ServiceUnderTest.withRepairs { service in
            let (check, _) = try await service.plantRipeOrphan()
            let plan = try await service.plan(check)
            for hours in [-30, 30] {
                let repairs = service.repairs.with(
                    age: .zero,
                    objectAge: .zero,
                    clockAhead: .seconds(hours * 3_600)
                )
                await #expect(throws: RepairFailure.self) {
                    try await repairs.run(plan.id, by: "ops/root", confirm: nil)
                }
            }
            #expect(try await service.orders().isEmpty)
        }
    }

    @Test func neverSeenMeansNeverOrdered() async throws {
        try await ServiceUnderTest.withRepairs { service in
            let object = try await service.plantObject()
            let check = try await service.plantCheck()
            try await service.plantFinding(.orphanObject, of: object, in: check)
            let plan = try await service.plan(check)
            #expect(
                try await service.repairs.run(plan.id, by: "ops/root", confirm: nil).counts == ["WAITING": 1]
            )
        }
    }

    /// What changed after the check is not what was looked at.
    @Test func anObjectThatWasOverwrittenOrWentIsLeft() async throws {
        try await ServiceUnderTest.withRepairs { service in
            let check = try await service.plantCheck()
            var objects: [OrphanSample] = []
            for number in 0..<2 {
                let object = try await service.plantObject("orphan \(number)")
                try await service.plantSightings(of: object)
                try await service.plantFinding(.orphanObject, of: object, in: check)
                objects.append(object)
            }
            let plan = try await service.plan(check)
            try await service.plantObject("others", key: objects[0].key)
            try await service.store.delete(objects[1].key)
            #expect(
                try await service.repairs.run(plan.id, by: "ops/root", confirm: nil).counts == ["SKIPPED": 2]
            )
            #expect(try await service.orders().isEmpty)
        }
    }

    /// A finding that is wrong, or grew old: the row decides, at the last moment.
    @Test func anObjectWithARowIsNeverOrdered() async throws {
        try await ServiceUnderTest.withRepairs { service in
            let (check, object) = try await service.plantRipeOrphan()
            let plan = try await service.plan(check)
            let file = try await service.upload("live.txt")
            _ = try await service.pool.execute(Self.adoptUpload, object.key)
            _ = try await service.pool.execute(Self.adoptFile, object.key)
            #expect(
                try await service.repairs.run(plan.id, by: "ops/root", confirm: nil).counts == ["SKIPPED": 1]
            )
            #expect(try await service.orders().isEmpty && file.status == 201)
        }
    }

    @Test func foreignKeysAreLeftAlone() async throws {
        try await ServiceUnderTest.withRepairs { service in
            let check = try await service.plantCheck()
            for key in ["acme-backup/2026/11/data.bin", "acme/2026/11/x", "other", ".waybill/trash/x"] {
                let object = try await service.plantObject("theirs", key: key)
                try await service.plantSightings(of: object)
                try await service.plantFinding(.orphanObject, of: object, in: check)
            }
            let plan = try await service.plan(check)
            #expect(plan.harmCount == 0)
            #expect(
                try await service.repairs.run(plan.id, by: "ops/root", confirm: nil).counts == ["SKIPPED": 4]
            )
            #expect(try await service.orders().isEmpty)
        }
    }

    /// The multipart upload of a session that is under way, which a check may have seen before its id was written down.
    @Test func theMultipartOfAnOpenSessionIsNotAborted() async throws {
        try await ServiceUnderTest.withRepairs { service in
            _ = try await service.send(
                .POST,
                "/api/v1/uploads",
                body: .bytes(ByteBuffer(string: #"{"name":"big","size":20000000,"url_count":1}"#))
            )
            let row = try #require(try await service.pool.query(Self.openSession).first)
            let (key, known) = (try row.text(0), try row.text(1))
            let second = try await service.store.createMultipartUpload(key, contentType: nil, metadata: [:])
            let leaked = try await service.store.createMultipartUpload(
                ServiceUnderTest.newKey(),
                contentType: nil,
                metadata: [:]
            )
            let check = try await service.plantCheck()
            let listed = try await service.store.listMultipartUploads(prefix: "", after: nil, limit: 100)
                .uploads
            for upload in listed {
                try await service.plantLeak(upload, in: check)
            }
            let plan = try await service.plan(check)
            let outcome = try await service.repairs.run(plan.id, by: "ops/root", confirm: nil)
            #expect(outcome.counts == ["SKIPPED": 2, "ORDERED": 1])
            let ordered = try await service.orders().compactMap { event -> String? in
                if case .multipartLeaked(let upload) = event.detail { return upload.s3UploadID }
                return nil
            }
            #expect(ordered == [leaked] && known != leaked && second != leaked)
        }
    }

    private static let adoptUpload: Statement = "UPDATE uploads SET object_key = $1"
    private static let adoptFile: Statement = "UPDATE files SET object_key = $1"
    private static let openSession: Statement = "SELECT object_key, s3_upload_id FROM uploads"
}
