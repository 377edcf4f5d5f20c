internal import AsyncHTTPClient
internal import Foundation
internal import NIOCore
internal import NIOHTTP1

/// Upload sessions as a test uses them.
extension TestStack {
    static let sessionsPath = "/api/v1/uploads"

    /// Sends a file of one part by a session, and remembers it once its completion is acknowledged. May be repeated with the
    /// same id.
    ///
    /// - Parameters:
    ///   - id: a random UUID.
    ///   - isDirect: whether the bytes go straight to the store.
    ///   - sha256: what is declared of them.
    /// - Returns: the first answer that is no success, or that to the completion.
    @discardableResult
    public func uploadBySession(
        _ name: String,
        _ bytes: [UInt8],
        id: String,
        isDirect: Bool = false,
        sha256: String? = nil,
        isRemembered: Bool = true
    ) async throws -> HTTPAnswer {
        let opened = try await openSession(name, size: bytes.count, id: id, sha256: sha256)
        guard opened.status / 100 == 2 else { return opened }
        // A session that was completed by an attempt whose answer was lost takes no part any more.
        if opened.string("state") != "COMPLETED" {
            let sent =
                isDirect
                ? try await sendPart(bytes, to: opened)
                : try await send("PUT", .uploadService, "\(Self.sessionsPath)/\(id)/parts/1", body: bytes)
            guard sent.status == 200 || sent.string("errorCode") == "UPLOAD_COMPLETING" else { return sent }
        }
        let completed = try await send(
            "POST",
            .uploadService,
            "\(Self.sessionsPath)/\(id)/complete",
            body: []
        )
        if isRemembered, completed.status == 200, let file = completed.string("file_id") {
            remember(file, name, bytes)
        }
        return completed
    }

    public func openSession(
        _ name: String,
        size: Int,
        id: String,
        sha256: String? = nil
    ) async throws -> HTTPAnswer {
        var members: [String: Any] = ["name": name, "size": size, "upload_id": id]
        members["sha256"] = sha256
        let body = try JSONSerialization.data(withJSONObject: members)
        return try await send("POST", .uploadService, Self.sessionsPath, body: Array(body))
    }

    public func abortSession(_ id: String) async throws -> HTTPAnswer {
        try await send("DELETE", .uploadService, "\(Self.sessionsPath)/\(id)")
    }

    /// To the first presigned URL of `opened`; a session whose part was seen gives none.
    private func sendPart(_ bytes: [UInt8], to opened: HTTPAnswer) async throws -> HTTPAnswer {
        guard let url = (opened.json["urls"] as? [[String: Any]])?.first?["url"] as? String else {
            return opened
        }
        var request = HTTPClientRequest(url: url)
        request.method = .PUT
        request.body = .bytes(bytes, length: .known(Int64(bytes.count)))
        let response = try await HTTPClient.shared.execute(request, timeout: .seconds(30))
        var body: [UInt8] = []
        for try await piece in response.body { body += piece.readableBytesView }
        return HTTPAnswer(status: Int(response.status.code), fields: [:], body: body)
    }
}
