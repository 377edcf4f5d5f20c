import AsyncHTTPClient
import FoundationEssentials
import NIOCore
import NIOHTTP1

/// The members of `application/problem+json` this program looks at.
private struct ProblemDocument: Decodable {
    let errorCode: String?
    let detail: String?
    let retryable: Bool?
    let partNumbers: [Int]?

    enum CodingKeys: String, CodingKey {
        case errorCode, detail, retryable
        case partNumbers = "part_numbers"
    }
}

extension Refusal {
    init(_ response: HTTPClientResponse, _ body: ByteBuffer) {
        self.init(
            status: Int(response.status.code),
            retryAfter: response.headers.first(name: "retry-after"),
            body: Data(body.readableBytesView)
        )
    }

    /// What is no problem document, such as the answer of a proxy or of an object store, is told by its status.
    init(status: Int, retryAfter: String?, body: Data) {
        let problem = try? JSONDecoder().decode(ProblemDocument.self, from: body)
        let said = problem?.detail ?? Self.storeCode(in: body).map { "The object store refused: \($0)." }
        self.init(
            status: status,
            code: problem?.errorCode,
            detail: said ?? "The server answered \(status).",
            isRetryable: problem?.retryable ?? false,
            // Dates are allowed too (RFC 9110, section 10.2.3); neither our server nor S3 sends them.
            retryAfter: retryAfter.flatMap { Int64($0) }.flatMap { $0 >= 0 ? .seconds($0) : nil },
            partNumbers: problem?.partNumbers ?? []
        )
    }

    /// Of an S3 error document: `<Error><Code>…</Code>`.
    private static func storeCode(in body: Data) -> String? {
        String(decoding: body.prefix(4_096), as: UTF8.self).firstMatch(
            of: /<Code>([A-Za-z0-9]{1,64})<\/Code>/
        )
        .map { String($0.output.1) }
    }
}
