import NIOCore
import ObjectStore
import Testing

@Suite("DevStore's injected faults")
struct FaultInjectionTests {
    @Test(
        "A write that is answered with a fault, or dropped before it is applied, leaves nothing",
        arguments: [
            #"[{"method":"PUT","action":"answer","status":503,"code":"SlowDown"}]"#,
            #"[{"method":"PUT","action":"dropBefore"}]"#,
            #"[{"method":"PUT","action":"diskFull"}]"#,
        ]
    )
    func notApplied(rules: String) async throws {
        try await DevStoreFixture.with { fixture in
            try await fixture.inject(rules)
            try await fixture.withClient { client in
                await #expect(throws: StoreFailure.self) {
                    _ = try await client.put("k", body: .bytes(ByteBuffer(string: "1")))
                }
                let facts = try await client.head("k")
                #expect(facts == nil)
            }
            let seen = try await fixture.log()
            #expect(seen.contains { $0.method == "PUT" && $0.key == "k" && !$0.applied })
        }
    }

    @Test("An answer that is dropped after the write leaves the object, and the client in doubt")
    func dropAfter() async throws {
        try await DevStoreFixture.with { fixture in
            try await fixture.inject(#"[{"method":"PUT","keyPrefix":"k","action":"dropAfter","count":1}]"#)
            try await fixture.withClient { client in
                await #expect {
                    _ = try await client.put("k", body: .bytes(ByteBuffer(string: "1")))
                } throws: { error in
                    guard case StoreFailure.outcomeUnknown = error else { return false }
                    return true
                }
                #expect(try await client.head("k")?.size == 1)
                _ = try await client.put("k", body: .bytes(ByteBuffer(string: "22")))
                #expect(try await client.head("k")?.size == 2, "the rule struck more often than its count")
            }
        }
    }

    @Test("A completion that fails inside 200 is no success, and the upload stays open")
    func errorInside() async throws {
        try await DevStoreFixture.with { fixture in
            try await fixture.inject(
                #"[{"method":"POST","query":"uploadId","action":"errorInside","count":1}]"#
            )
            try await fixture.withClient { client in
                let upload = try await client.createMultipartUpload("k", contentType: nil, metadata: [:])
                let body = ObjectBody.bytes(ByteBuffer(string: "1"))
                let tag = try await client.uploadPart("k", uploadID: upload, number: 1, body: body)
                await #expect(throws: StoreFailure.self) {
                    _ = try await client.completeMultipartUpload(
                        "k",
                        uploadID: upload,
                        parts: [CompletedPart(number: 1, etag: tag)],
                        ifNoneMatchAny: false
                    )
                }
                #expect(try await client.listParts("k", uploadID: upload, after: 0).parts.count == 1)
            }
        }
    }

    @Test("A truncated download throws; a corrupted one has other bytes", arguments: ["truncate", "corrupt"])
    func damagedDownload(action: String) async throws {
        try await DevStoreFixture.with { fixture in
            let body = ByteBuffer(repeating: 1, count: 200_000)
            try await fixture.withClient { client in
                _ = try await client.put("k", body: .bytes(body))
                try await fixture.inject(
                    #"[{"method":"GET","keyPrefix":"k","bytes":1000,"action":"\#(action)"}]"#
                )
                var received = ByteBuffer()
                var isWhole = true
                do {
                    for try await var piece in try await client.get("k").body { received.writeBuffer(&piece) }
                } catch { isWhole = false }
                #expect(isWhole == (action == "corrupt"))
                #expect(received != body)
            }
        }
    }

    @Test("Rules can be cleared, and the log says what was asked")
    func controlEndpoints() async throws {
        try await DevStoreFixture.with { fixture in
            try await fixture.inject(#"[{"action":"answer","status":500}]"#)
            try await fixture.control("DELETE", "/_faults")
            try await fixture.withClient { client in
                _ = try await client.put("k", body: .bytes(ByteBuffer(string: "1")))
                try await client.delete("k", versionID: nil)
            }
            let seen = try await fixture.log().map { "\($0.method) \($0.key ?? "-") \($0.status)" }
            #expect(seen == ["PUT k 200", "DELETE k 204"])
            #expect(try await fixture.control("POST", "/_faults", "nonsense").0 == 400)
        }
    }
}
