import Digests
import Foundation
import NIOCore
import ObjectStore
import TestSupport
import Testing

@Suite("DevStore survives its own death")
struct DurabilityTests {
    @Test("After SIGKILL under load every acknowledged object is whole, and nothing else is there")
    func killedWhileWriting() async throws {
        try await DevStoreFixture.with { fixture in
            let acknowledged = try await fixture.withClient { client in
                try await withThrowingTaskGroup(of: [String].self) { group in
                    for worker in 0..<6 { group.addTask { await write(worker, to: client) } }
                    // Some of each size have been acknowledged: now, in the middle of the others.
                    try await eventually(within: .seconds(30)) {
                        try await client.list(
                            prefix: "k/",
                            startAfter: nil,
                            continuationToken: nil,
                            limit: 100
                        ).objects.count >= 40
                    }
                    await fixture.program.kill()
                    return try await group.reduce(into: Set<String>()) { $0.formUnion($1) }
                }
            }
            #expect(acknowledged.count >= 20)
            try await fixture.afterKill { revived in
                try await revived.withClient { client in
                    for key in acknowledged { #expect(try await client.head(key) != nil, "\(key) is lost") }
                    for key in try await allKeys(client) {
                        var body = ByteBuffer()
                        for try await var piece in try await client.get(key).body { body.writeBuffer(&piece) }
                        #expect(body == content(of: key), "\(key) is damaged")
                    }
                    let left = try FileManager.default.contentsOfDirectory(
                        atPath: "\(revived.folder)/incoming"
                    )
                    #expect(left.isEmpty)
                }
            }
        }
    }

    @Test("An open upload and its parts outlive SIGKILL; a completed one is not open again")
    func uploadsOutliveTheProcess() async throws {
        try await DevStoreFixture.with { fixture in
            let part = ByteBuffer(repeating: 7, count: 5 << 20)
            let (open, done) = try await fixture.withClient { client in
                let open = try await client.createMultipartUpload("open", contentType: nil, metadata: [:])
                _ = try await client.uploadPart("open", uploadID: open, number: 1, body: .bytes(part))
                let done = try await client.createMultipartUpload("done", contentType: nil, metadata: [:])
                let tag = try await client.uploadPart("done", uploadID: done, number: 1, body: .bytes(part))
                _ = try await client.completeMultipartUpload(
                    "done",
                    uploadID: done,
                    parts: [CompletedPart(number: 1, etag: tag)],
                    ifNoneMatchAny: false
                )
                return (open, done)
            }
            try await fixture.afterKill { revived in
                try await revived.withClient { client in
                    let parts = try await client.listParts("open", uploadID: open, after: 0).parts
                    #expect(parts.map(\.number) == [1] && parts.map(\.size) == [5 << 20])
                    let last = try await client.uploadPart(
                        "open",
                        uploadID: open,
                        number: 2,
                        body: .bytes(ByteBuffer(string: "tail"))
                    )
                    _ = try await client.completeMultipartUpload(
                        "open",
                        uploadID: open,
                        parts: [
                            CompletedPart(number: 1, etag: parts[0].etag),
                            CompletedPart(number: 2, etag: last),
                        ],
                        ifNoneMatchAny: true
                    )
                    #expect(try await client.head("open")?.size == (5 << 20) + 4)
                    #expect(try await client.head("done")?.size == 5 << 20)
                    await #expect(throws: StoreFailure.self) {
                        _ = try await client.listParts("done", uploadID: done, after: 0)
                    }
                    try await client.delete("done", versionID: nil)
                    let folders = try FileManager.default.contentsOfDirectory(
                        atPath: "\(revived.folder)/buckets/test/uploads"
                    )
                    #expect(folders == [open], "the parts of a deleted object are still on disk")
                }
            }
        }
    }
}

/// Objects of several sizes until the store is gone; returns the acknowledged keys.
private func write(_ worker: Int, to client: S3Store) async -> [String] {
    var acknowledged: [String] = []
    for number in 0..<100_000 {
        let key = "k/\(worker)/\(number)"
        do throws(StoreFailure) {
            _ = try await client.put(key, body: .bytes(content(of: key)))
            acknowledged.append(key)
        } catch { return acknowledged }
    }
    return acknowledged
}

/// A key's bytes follow from its name: small, middle and large in turn.
private func content(of key: String) -> ByteBuffer {
    let digest = Digest256.of(key)
    let count = [10, 40_000, 3_000_000][Int(digest.bytes[0]) % 3]
    var buffer = ByteBuffer(bytes: digest.bytes)
    buffer.writeRepeatingByte(digest.bytes[1], count: count)
    return buffer
}

private func allKeys(_ client: S3Store) async throws -> [String] {
    var keys: [String] = []
    var token: String?
    repeat {
        let page = try await client.list(prefix: "", startAfter: nil, continuationToken: token, limit: 1000)
        keys += page.objects.map(\.key)
        token = page.nextToken
    } while token != nil
    return keys
}
