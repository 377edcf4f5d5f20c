import PostgresClient
import TestSupport
import Testing

@Suite(
    "I4 clients that stop, stall or crawl leave nothing behind and hold nobody up",
    .timeLimit(.minutes(2))
)
struct BadClientTests {
    @Test func manyAtOnce() async throws {
        try await TestStack.with { stack in
            let half = Array(repeating: UInt8(ascii: "x"), count: 200_000)
            var stalled: [RawConnection] = []
            var gone: [RawConnection] = []
            for number in 0..<12 {
                for kind in ["stalled", "gone"] {
                    let client = try stack.connect()
                    try await client.send(stack.head(ofUpload: "\(kind) \(number)", length: 400_000))
                    try await client.send(half)
                    if kind == "stalled" { stalled.append(client) } else { gone.append(client) }
                }
            }
            // Far more of it than one part: a multipart upload is open in the store.
            let parts = try stack.connect()
            try await parts.send(Self.formHead(stack))
            for _ in 0..<100 { try await parts.send(half) }
            try await eventually("a part is in the store") { try await !stack.remains().openUploads.isEmpty }

            async let crawl = crawl(stack)
            // All of them wait for bytes now, and nobody else does.
            for number in 0..<10 {
                let id = try await stack.store("honest \(number)", "I am in a hurry.")
                #expect(try await stack.content(id).text == "I am in a hurry.")
            }
            for client in gone { client.reset() }
            parts.reset()
            for client in stalled {
                let answer = try await client.receive(within: 30)
                #expect(answer.text.hasPrefix("HTTP/1.1 408"), "\(answer.text)")
                #expect(answer.isClosed)
            }
            #expect(try await crawl.hasPrefix("HTTP/1.1 201"))
            try await stack.isSound()
            #expect(try await stack.keys().count == 11)
            #expect(
                try await stack.uploadDatabase.query("SELECT 1 FROM uploads WHERE state = 'REAPED'").count
                    == 25
            )
        }
    }

    /// A byte at a time, for longer than a client may be silent.
    private func crawl(_ stack: TestStack) async throws -> String {
        let client = try stack.connect()
        try await client.send(stack.head(ofUpload: "crawled", length: 40))
        for number in 0..<40 {
            try await client.send([UInt8(ascii: "a") + UInt8(number % 26)])
            // After the last one it may have been answered already.
            if number < 39 { #expect(try await client.receiveNothing(forMilliseconds: 100)) }
        }
        return try await client.receive(within: 20) { $0.contains("\"version\":1}") }.text
    }

    private static func formHead(_ stack: TestStack) -> String {
        """
        POST /api/v1/files HTTP/1.1\r
        host: waybill\r
        authorization: Bearer \(stack.token)\r
        content-type: multipart/form-data; boundary=b\r
        content-length: 100000000\r
        \r
        --b\r
        content-disposition: form-data; name="file"; filename="parts"\r
        \r

        """
    }
}
