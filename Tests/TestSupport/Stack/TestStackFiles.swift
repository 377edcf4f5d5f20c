internal import Digests
internal import Foundation

/// The API as a test uses it. What was asked and answered goes into `memory`.
extension TestStack {
    /// Raw body.
    ///
    /// - Parameter isLengthKnown: else the service learns it at the end, and sends what is large in parts.
    @discardableResult
    public func upload(
        _ name: String,
        _ bytes: [UInt8],
        contentType: String = "text/plain",
        fields: [String: String] = [:],
        isLengthKnown: Bool = true
    ) async throws -> HTTPAnswer {
        let answer = try await send(
            "POST",
            .uploadService,
            "/api/v1/files?name=\(percentEncoded(name))",
            fields: fields.merging(["content-type": contentType]) { given, _ in given },
            body: bytes,
            isLengthKnown: isLengthKnown
        )
        if answer.status == 201, let id = answer.string("id") { remember(id, name, bytes) }
        return answer
    }

    /// - Returns: the id.
    /// - Throws: when the answer is not 201.
    public func store(_ name: String, _ bytes: [UInt8], contentType: String = "text/plain") async throws
        -> String
    {
        let answer = try await upload(name, bytes, contentType: contentType)
        guard answer.status == 201, let id = answer.string("id") else {
            throw StackFailure("the upload of \(name) was answered \(answer.status): \(answer.text)")
        }
        return id
    }

    public func store(_ name: String, _ text: String) async throws -> String {
        try await store(name, Array(text.utf8))
    }

    /// A file that was acknowledged some other way, for example to curl.
    public func remember(_ id: String, _ name: String, _ bytes: [UInt8]) {
        let sha256 = Digest256.of(bytes).hex
        memory.remember(
            RememberedFile(id: id, name: name, size: bytes.count, sha256: sha256, fate: .available)
        )
    }

    public func facts(_ id: String) async throws -> HTTPAnswer {
        try await send("GET", .uploadService, "/api/v1/files/\(id)")
    }

    public func content(_ id: String, fields: [String: String] = [:]) async throws -> HTTPAnswer {
        try await send("GET", .uploadService, "/api/v1/files/\(id)/content", fields: fields)
    }

    @discardableResult
    public func delete(_ id: String, purge: Bool = false) async throws -> HTTPAnswer {
        try await change(id, to: purge ? .purged : .deleted) {
            try await send("DELETE", .uploadService, "/api/v1/files/\(id)" + (purge ? "?purge=true" : ""))
        }
    }

    @discardableResult
    public func restore(_ id: String) async throws -> HTTPAnswer {
        try await change(id, to: .available) {
            try await send("POST", .uploadService, "/api/v1/files/\(id)/restore")
        }
    }

    /// A refusal says that nothing was changed, unless it says that nobody knows: it is held to that.
    private func change(
        _ id: String,
        to fate: RememberedFile.Fate,
        _ ask: () async throws -> HTTPAnswer
    ) async throws -> HTTPAnswer {
        let before = memory[id]?.fate
        memory.setFate(.uncertain, of: id)
        let answer = try await ask()
        if answer.status / 100 == 2 {
            memory.setFate(fate, of: id)
        } else if let before, answer.string("errorCode") != "OUTCOME_UNKNOWN" {
            memory.setFate(before, of: id)
        }
        return answer
    }

    /// The ids found, best first.
    public func search(_ query: String) async throws -> [String] {
        let answer = try await send("GET", .indexerService, "/api/v1/search?q=\(percentEncoded(query))")
        guard answer.status == 200, let items = answer.json["items"] as? [[String: Any]] else {
            throw StackFailure("the search for \(query) was answered \(answer.status): \(answer.text)")
        }
        return items.compactMap { $0["file_id"] as? String }
    }

    /// Waits until a search for `query` gives exactly these files, in any order.
    public func searchFinds(_ query: String, _ ids: Set<String>, within limit: Duration = .seconds(20))
        async throws
    {
        try await eventually(within: limit, "the search for \(query) finds \(ids)") {
            Set(try await search(query)) == ids
        }
    }
}

func percentEncoded(_ text: String) -> String {
    text.utf8.map { byte in
        let isPlain =
            byte < 0x80
            && (Character(Unicode.Scalar(byte)).isLetter || Character(Unicode.Scalar(byte)).isNumber)
        return isPlain || byte == 0x2D || byte == 0x2E
            ? String(Unicode.Scalar(byte)) : String(format: "%%%02X", byte)
    }
    .joined()
}
