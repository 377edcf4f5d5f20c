import FaultPoints
import TestSupport
import Testing

/// Service and client die again and again during one upload. Each death may cost the parts that were on their way and
/// nothing else, and at the end there is the one right file.
@Suite(
    "I2 I50 a large upload outlives the death of service and client at any point",
    .timeLimit(.minutes(30))
)
struct LargeUploadDeathTests {
    /// As an upload meets them, up to the first part.
    private static let opening: [FaultPoint] = [
        .beforeSessionOpened, .afterSessionOpened, .beforeMultipartOpened, .afterMultipartOpened,
    ]
    private static let claiming: [FaultPoint] = [.beforeCompletionClaimed, .afterCompletionClaimed]
    /// Passed by whoever finds the saga; the client has no part in it.
    private static let completing: [FaultPoint] = [
        .beforePartsAssembled, .afterPartsAssembled, .beforeUploadCommitted, .afterUploadCommitted,
        .beforeSessionCleared, .afterSessionCleared,
    ]

    @Test(arguments: [false, true])
    func theServiceDiesAtEachOfItsPoints(andTheClientWithIt: Bool) async throws {
        try await LargeUpload.with { upload in
            var deaths = Deaths(of: upload, clientDiesToo: andTheClientWithIt)
            try await upload.stack.stop(.uploadService)
            for point in Self.opening { try await deaths.dies(at: point) }
            for spot in 0..<upload.spotCount {
                if spot > 0 { try await deaths.isKilled(after: upload.partCount * spot / upload.spotCount) }
                for point in [FaultPoint.beforePartSent, .afterPartSent] {
                    try await deaths.dies(at: point, costing: LargeUpload.parallel)
                }
            }
            for point in Self.claiming { try await deaths.dies(at: point) }
            if andTheClientWithIt { for point in Self.completing { try await deaths.dies(at: point) } }
            try await deaths.areOver()
        }
    }

    @Test(
        "The client dies before and during the completion",
        arguments: [
            (#""method":"GET","query":"uploadId""#, "delay"),
            (#""method":"POST","query":"uploadId""#, "delay"),
            (#""method":"POST","query":"uploadId""#, "delayAnswer"),
        ]
    )
    func theClientDiesAtTheEnd(_ request: String, action: String) async throws {
        try await LargeUpload.with { upload in
            try await upload.strike(request + #","count":1,"milliseconds":2000"#, action: action)
            let client = try await upload.launchClient()
            try await eventually(within: .seconds(300), "the completion has begun") {
                try await upload.stack.faultHits().last == 1
            }
            await client.kill()
            #expect(upload.isUnderWay)
            var deaths = Deaths(of: upload)
            try await deaths.areOver()
        }
    }

    @Test(arguments: [false, true])
    func theyDieInTurn(whilePartsGoStraightToTheStore isDirect: Bool) async throws {
        try await LargeUpload.with(isDirect: isDirect) { upload in
            var deaths = Deaths(of: upload)
            try await deaths.clientIsKilled(after: upload.partCount / 4)
            try await deaths.isKilled(after: upload.partCount / 2)
            try await upload.stack.start(.uploadService)
            try await deaths.clientIsKilled(after: upload.partCount * 3 / 4)
            try await deaths.areOver()
        }
    }
}
