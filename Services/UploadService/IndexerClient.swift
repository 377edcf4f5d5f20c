import AsyncHTTPClient
import Determinism
import NIOCore
import NIOHTTP1
import ServiceBootstrap
import ServiceLifecycle

import struct FoundationEssentials.Data
import class FoundationEssentials.JSONDecoder
import struct FoundationEssentials.UUID

/// Asks IndexerService what its index holds, as an operator may.
final class IndexerClient: Sendable {
    struct Settings: Sendable {
        /// Without a slash at the end.
        let url: String
        /// Of a superuser.
        let token: Secret
    }

    /// More entries on a page would be refused.
    static let pageLimit = 5_000

    private let settings: Settings
    private let http: HTTPClient
    private let answerTimeout: Duration
    private static let documentByteLimit = 4 << 20

    /// - Parameter answerTimeout: for one request, its answer's body included.
    init(_ settings: Settings, answerTimeout: Duration = .seconds(30)) {
        self.settings = settings
        self.answerTimeout = answerTimeout
        var configuration = HTTPClient.Configuration()
        // The token goes where it was meant to go and nowhere else.
        configuration.redirectConfiguration = .disallow
        configuration.httpVersion = .http1Only
        configuration.timeout = .init(connect: .seconds(5), read: .seconds(30))
        http = HTTPClient(eventLoopGroupProvider: .singleton, configuration: configuration)
    }

    /// Entries of all tenants in the order of their ids (bytes), tombstones included.
    ///
    /// - Parameter limit: 1 to `pageLimit`.
    func entries(after: UUID?, limit: Int) async throws(IndexerFailure) -> IndexEntryPage {
        let cursor = after.map { "&after=\($0.text)" } ?? ""
        let answer = try await get("/api/v1/index/entries?limit=\(limit)\(cursor)")
        return try Self.decode(IndexEntryPage.self, from: answer)
    }

    /// Nil when the index says that it has never heard of the file.
    ///
    /// - Parameter words: asks also whether a search of its owner for them finds it.
    func entry(of fileID: UUID, foundBy words: String? = nil) async throws(IndexerFailure) -> IndexEntry? {
        let query = words.map { "?q=\(Self.encoded($0))" } ?? ""
        let path = "/api/v1/index/entries/\(fileID.text)\(query)"
        do { return try Self.decode(IndexEntry.self, from: try await get(path)) } catch {
            // Only its own word counts: a 404 of something in between tells nothing.
            guard case .refused(404, "ENTRY_NOT_FOUND") = error else { throw error }
            return nil
        }
    }

    /// The same, for those who need no more of the indexer.
    typealias Lookup = @Sendable (UUID) async throws(IndexerFailure) -> IndexEntry?
    var lookup: Lookup { { (file: UUID) async throws(IndexerFailure) in try await self.entry(of: file) } }

    /// Must be called once, when no call is under way.
    func shutdown() async { try? await http.shutdown() }

    private static func encoded(_ text: String) -> String {
        text.utf8.map { ($0 < 16 ? "%0" : "%") + String($0, radix: 16) }.joined()
    }

    private func get(_ path: String) async throws(IndexerFailure) -> ByteBuffer {
        var request = HTTPClientRequest(url: settings.url + path)
        request.headers.add(name: "authorization", value: "Bearer \(settings.token.reveal())")
        let status: Int
        let body: ByteBuffer
        do {
            let timeout = TimeAmount.milliseconds(answerTimeout.wholeMilliseconds)
            let response = try await http.execute(request, timeout: timeout)
            body = try await response.body.collect(upTo: Self.documentByteLimit)
            status = Int(response.status.code)
        } catch {
            // Never the error itself: it may hold the URL.
            throw Task.isCancelled ? .cancelled : .unavailable("\(type(of: error))")
        }
        guard status == 200 else {
            let problem = try? Self.decode(ProblemCode.self, from: body)
            throw .refused(status: status, code: problem?.errorCode)
        }
        return body
    }

    private static func decode<Document: Decodable>(
        _ type: Document.Type,
        from body: ByteBuffer
    ) throws(IndexerFailure) -> Document {
        do { return try JSONDecoder().decode(type, from: Data(body.readableBytesView)) } catch {
            throw .unexpectedAnswer
        }
    }

    private struct ProblemCode: Decodable { let errorCode: String }
}

/// Why the indexer did not tell. Nothing may be concluded from it.
enum IndexerFailure: Error, Equatable, Sendable {
    case unavailable(String)
    case refused(status: Int, code: String?)
    case unexpectedAnswer
    case cancelled
}

/// What the index holds of one file.
struct IndexEntry: Codable, Equatable, Sendable {
    enum State: String, Codable, Sendable {
        case live = "LIVE"
        case quarantined = "QUARANTINED"
        case deleted = "DELETED"
        /// A tombstone.
        case purged = "PURGED"
    }

    let fileID: UUID
    let version: Int64
    let state: State
    /// `PENDING`, `INDEXED` or `REJECTED`.
    let indexState: String
    // What a lost row can be made anew from; told only of an entry that is asked for by its id, and not all of it of each.
    var tenant: String?
    var owner: String?
    var name: String?
    var contentType: String?
    /// Bytes.
    var size: Int64?
    /// Hexadecimal.
    var sha256: String?
    var objectKey: String?
    /// Whether a search finds it; nil unless that was asked.
    var isFound: Bool?

    enum CodingKeys: String, CodingKey {
        case version, state, tenant, owner, name, size, sha256
        case fileID = "file_id"
        case indexState = "index_state"
        case contentType = "content_type"
        case objectKey = "object_key"
        case isFound = "is_found"
    }
}

struct IndexEntryPage: Decodable, Equatable, Sendable {
    let entries: [IndexEntry]
    /// Where the next page starts; nil on the last.
    let nextAfter: UUID?

    enum CodingKeys: String, CodingKey {
        case entries
        case nextAfter = "next_after"
    }
}

/// Closes the client's connections when everything that uses them has stopped.
struct IndexerConnections: Service {
    let client: IndexerClient

    func run() async throws {
        // Throws when the task is cancelled instead of shut down: the way out is the same.
        try? await gracefulShutdown()
        await client.shutdown()
    }
}
