import NIOCore
import ObjectStore
import Testing

@Suite("Objects streamed into a real store")
struct ObjectStreamTests {
    @Test("a stream of known length arrives whole", arguments: [1, 300_000, 20_000_000])
    func streamed(count: Int) async throws {
        try await StoreFixture.with { fixture in
            let key = fixture.prefix + "s"
            _ = try await fixture.store.put(key, body: .stream(length: Int64(count), Pattern(count: count)))
            #expect(try await fixture.store.get(key).body.all() == Pattern.bytes(count: count))
        }
    }

    @Test("a stream with a trailing checksum arrives whole", arguments: [true, false])
    func trailers(isSigned: Bool) async throws {
        for checksum in [StoreProfile.TrailingChecksum.sha256, .crc32c, .crc64nvme] {
            try await StoreFixture.with {
                $0.profile.streamSigning = isSigned ? .signedTrailer(checksum) : .unsignedTrailer(checksum)
            } _: { fixture in
                guard fixture.takesTrailers else { return }
                let key = fixture.prefix + "t"
                let body = ObjectBody.stream(length: 200_001, Pattern(count: 200_001, piece: 7_777))
                _ = try await fixture.store.put(key, body: body)
                #expect(try await fixture.store.get(key).body.all() == Pattern.bytes(count: 200_001))
            }
        }
    }

    @Test("a stream that fails, or has another length, leaves nothing stored")
    func failingStreams() async throws {
        try await StoreFixture.with { fixture in
            let key = fixture.prefix + "f"
            let bodies: [(ObjectBody, any Error)] = [
                (
                    .stream(length: 500_000, Pattern(count: 500_000, failure: PlannedFailure())),
                    PlannedFailure()
                ),
                (
                    .stream(length: 500_001, Pattern(count: 500_000)),
                    BodyLengthMismatch(declared: 500_001, received: 500_000)
                ),
                (
                    .stream(length: 450_000, Pattern(count: 500_000)),
                    BodyLengthMismatch(declared: 450_000, received: 500_000)
                ),
                (.stream(length: 0, Pattern(count: 1)), BodyLengthMismatch(declared: 0, received: 1)),
                (.stream(length: 0, Pattern(count: 0, failure: PlannedFailure())), PlannedFailure()),
            ]
            for (body, expected) in bodies {
                do {
                    _ = try await fixture.store.put(key, body: body)
                    Issue.record("stored")
                } catch StoreFailure.bodyFailed(let error) {
                    #expect("\(error)" == "\(expected)")
                }
                #expect(try await fixture.store.head(key) == nil)
            }
        }
    }
}
