import AsyncHTTPClient
import Digests
import Foundation
import NIOCore
import NIOHTTP1
import PostgresClient
import Testing

@testable import UploadService

/// A session as a client drives it.
struct SessionClient: Sendable {
    static let path = "/api/v1/uploads"
    static let partSize = 5 << 20

    let service: ServiceUnderTest
    let id: String
    var token = ServiceUnderTest.ann

    /// Opens a session of `bytes` in parts of 5 MiB.
    static func open(
        _ name: String,
        _ size: Int,
        with extra: [String: Any] = [:],
        as token: String = ServiceUnderTest.ann,
        on service: ServiceUnderTest
    ) async throws -> (SessionClient, Answer) {
        var members: [String: Any] = ["name": name, "size": size, "part_size": partSize, "url_count": 0]
        members.merge(extra) { $1 }
        let answer = try await service.send(.POST, path, as: token, body: json(members))
        return (
            SessionClient(service: service, id: answer.json["upload_id"].text ?? "none", token: token), answer
        )
    }

    static func json(_ members: [String: Any]) throws -> HTTPClientRequest.Body {
        .bytes(ByteBuffer(bytes: try JSONSerialization.data(withJSONObject: members)))
    }

    /// Bytes that differ with every seed.
    static func bytes(_ count: Int, seed: UInt8 = 1) -> [UInt8] {
        var bytes = [UInt8](repeating: seed, count: count)
        for index in stride(from: 0, to: count, by: 4_096) {
            bytes[index] = UInt8(truncatingIfNeeded: index >> 12)
        }
        return bytes
    }

    static func digest(_ bytes: [UInt8]) -> String {
        var hasher = SHA256Hasher()
        bytes.withUnsafeBytes { hasher.update($0) }
        return hasher.finalize().hex
    }

    func slice(_ bytes: [UInt8], part number: Int) -> [UInt8] {
        Array(
            bytes[min(bytes.count, (number - 1) * Self.partSize)..<min(bytes.count, number * Self.partSize)]
        )
    }

    func put(_ number: Int, _ bytes: [UInt8], fields: [(String, String)] = []) async throws -> Answer {
        try await service.send(
            .PUT,
            "\(Self.path)/\(id)/parts/\(number)",
            as: token,
            fields: fields,
            body: .bytes(ByteBuffer(bytes: bytes))
        )
    }

    /// Sends every part of `bytes` that has to be sent.
    func putAll(_ bytes: [UInt8]) async throws {
        for number in 1...max(1, (bytes.count + Self.partSize - 1) / Self.partSize) {
            #expect(try await put(number, slice(bytes, part: number)).status == 200)
        }
    }

    func facts() async throws -> Answer { try await service.send(.GET, "\(Self.path)/\(id)", as: token) }

    func complete(_ members: [String: Any] = [:]) async throws -> Answer {
        try await service.send(.POST, "\(Self.path)/\(id)/complete", as: token, body: try Self.json(members))
    }

    func abort() async throws -> Answer { try await service.send(.DELETE, "\(Self.path)/\(id)", as: token) }

    /// URLs for these parts.
    func sign(_ members: [String: Any]) async throws -> Answer {
        try await service.send(.POST, "\(Self.path)/\(id)/parts", as: token, body: try Self.json(members))
    }

    /// What somebody who has only the URL sends to the store.
    static func send(
        _ bytes: [UInt8],
        to url: JSONValue,
        method: HTTPMethod = .PUT,
        changing fields: [String: String] = [:]
    ) async throws -> Int {
        var request = HTTPClientRequest(url: try #require(url["url"].text))
        request.method = method
        for name in [
            "x-amz-checksum-sha256", "x-amz-checksum-crc32c", "x-amz-checksum-crc64nvme", "content-md5",
        ] {
            if let value = fields[name] ?? url["headers"][name].text {
                request.headers.add(name: name, value: value)
            }
        }
        request.body = .bytes(ByteBuffer(bytes: bytes))
        let response = try await HTTPClient.shared.execute(request, timeout: .seconds(60))
        _ = try await response.body.collect(upTo: 1 << 20)
        return Int(response.status.code)
    }

    func state() async throws -> String? {
        try await service.pool.query(
            "SELECT state FROM uploads WHERE id = $1",
            try #require(UUID(uuidString: id))
        )
        .first?.text(0)
    }

    /// The bytes of the file it became.
    func content() async throws -> [UInt8] {
        let file = try #require(try await facts().json["file_id"].text)
        return try await service.send(.GET, "/api/v1/files/\(file)/content", as: token).body
    }
}
