import AsyncHTTPClient
import Determinism
import Foundation
import Leases
import NIOCore
import NIOHTTP1
import ObjectStore
import PostgresClient
import ServiceBootstrap
import TestSupport
import Testing

@testable import UploadService

/// A large object takes long to read, a large plan long to run: longer than anything is kept without a sign of life.
@Suite("I34 a repair that lasts keeps what it holds", .timeLimit(.minutes(3)))
struct LongRunTests {
    /// A plan that reads `key` for four seconds at least.
    private func slowPlan(_ service: ServiceUnderTest) async throws -> RepairPlan {
        let file = try await service.upload("a.txt")
        let row = try await service.pool.query("SELECT object_key FROM files WHERE id::text = $1", file.id)
        let key = try #require(row.first).text(0)
        let check = try await service.plantCheck()
        try await service.plantFileFinding(.digestMismatch, of: file.id, in: check)
        try await service.bucket.strike(
            #""method":"GET","keyPrefix":"\#(key)","action":"delay","milliseconds":4000,"count":1"#
        )
        return try await service.plan(check)
    }

    @Test func itsLeaseWhileItReads() async throws {
        guard !TestBucket.isForeign else { return }
        try await ServiceUnderTest.withRepairs { service in
            let plan = try await slowPlan(service)
            var repairs = service.repairs
            repairs.leaseTTL = .seconds(2)
            let lasting = repairs
            let run = Task { try await lasting.run(plan.id, by: "ops/root", confirm: nil) }
            try await eventually("it reads") { try await service.bucket.strikes() == [1] }
            // What another process would do, all the time.
            let rival = LeaseKeeper(
                Repairs.leaseName,
                ttl: .seconds(2),
                pool: service.pool,
                time: SystemTime(),
                random: SystemRandom()
            )
            let time = SystemTime()
            let until = time.uptime + .milliseconds(3_500)
            while time.uptime < until {
                #expect(try await rival.acquireOrRenew() == nil, "the lease has run out while it was needed")
                try await time.sleep(for: .milliseconds(50))
            }
            #expect(try await run.value.counts == ["SKIPPED": 1], "the bytes are what they were")
        }
    }

    @Test("I30 nor does another request with its key begin beside it", arguments: ["run", "undo"])
    func itsKeyWhileItRuns(_ verb: String) async throws {
        guard !TestBucket.isForeign else { return }
        try await ServiceUnderTest.withRepairs({ $0.limits.sagaLease = .seconds(1) }) { service in
            let plan: RepairPlan
            if verb == "run" {
                plan = try await slowPlan(service)
            } else {
                plan = try await service.plan(try await service.plantRipeOrphan().0)
                _ = try await service.repairs.run(plan.id, by: "ops/root", confirm: nil)
                // An undo waits for the store before it begins.
                try await service.bucket.strike(
                    #""method":"HEAD","keyPrefix":".waybill/deployment/","action":"delay","milliseconds":4000,"count":1"#
                )
            }
            let send = { @Sendable () async throws -> Answer in
                try await service.send(
                    .POST,
                    "/api/v1/repairs/\(plan.id.text)/\(verb)",
                    as: ServiceUnderTest.root,
                    fields: [("idempotency-key", "k")],
                    body: .bytes(ByteBuffer(string: verb == "run" ? "{}" : ""))
                )
            }
            let first = Task { try await send() }
            try await eventually("it is under way") { try await service.bucket.strikes() == [1] }
            let time = SystemTime()
            let until = time.uptime + .milliseconds(3_000)
            while time.uptime < until {
                let again = try await send()
                #expect(
                    again.status == 409 && again.code == "IDEMPOTENCY_KEY_IN_USE",
                    "\(again.text)"
                )
                try await time.sleep(for: .milliseconds(200))
            }
            let answer = try await first.value
            #expect(answer.status == 200, "\(answer.text)")
            let again = try await send()
            #expect(again.text == answer.text && again.fields.first(name: "idempotency-replayed") == "true")
        }
    }
}
