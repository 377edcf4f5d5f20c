import Determinism
import HTTPServing

import struct FoundationEssentials.Data
import struct FoundationEssentials.UUID

/// A search as it was asked for, every limit checked.
struct SearchRequest: Equatable, Sendable {
    let tsquery: String
    let limit: Int
    let cursor: SearchCursor?
    let contentType: String?
    let namePrefix: String?

    static let limits = 1...100
    static let defaultLimit = 20
    /// UTF-8 bytes of a filter.
    static let filterByteLimit = 1_024

    fileprivate static let code = "INVALID_SEARCH"
    private static let parameters: Set = ["q", "limit", "cursor", "content_type", "name_prefix"]

    /// - Parameter query: what follows `?`, undecoded.
    init(query text: String?) throws(Problem) {
        let query = try QueryValues(text, known: Self.parameters, code: Self.code)
        let text = query["q"] ?? ""
        guard text.unicodeScalars.count <= SearchQuery.inputLimit else {
            throw .invalidSearch("q", "may have \(SearchQuery.inputLimit) characters at most")
        }
        guard let tsquery = SearchQuery(text).tsquery else {
            throw .invalidSearch("q", "must hold at least one word to look for")
        }
        self.tsquery = tsquery
        limit = try Self.limit(query["limit"])
        cursor = try Self.cursor(query["cursor"])
        contentType = try Self.filter("content_type", query["content_type"])
        namePrefix = try Self.filter("name_prefix", query["name_prefix"])
    }

    private static func limit(_ text: String?) throws(Problem) -> Int {
        guard let text, !text.isEmpty else { return defaultLimit }
        guard let limit = Int(text), limits.contains(limit) else {
            throw .invalidSearch(
                "limit",
                "must be a number from \(limits.lowerBound) to \(limits.upperBound)"
            )
        }
        return limit
    }

    private static func cursor(_ text: String?) throws(Problem) -> SearchCursor? {
        guard let text, !text.isEmpty else { return nil }
        guard let cursor = SearchCursor(text) else {
            throw .invalidSearch("cursor", "is not one this service gave")
        }
        return cursor
    }

    private static func filter(_ name: String, _ text: String?) throws(Problem) -> String? {
        guard let text, !text.isEmpty else { return nil }
        guard text.utf8.count <= filterByteLimit, !text.utf8.contains(0) else {
            throw .invalidSearch(name, "may have \(filterByteLimit) bytes at most, none of them NUL")
        }
        return text
    }
}

extension Problem {
    fileprivate static func invalidSearch(_ parameter: String, _ demand: String) -> Problem {
        Problem(status: 400, code: SearchRequest.code, detail: "The query parameter \(parameter) \(demand).")
    }
}

/// The place of the last hit a client has seen: hits after it have a lower rank, or the same and a higher id.
struct SearchCursor: Equatable, Sendable {
    /// As PostgreSQL wrote it.
    let rank: String
    let fileID: UUID

    init(after hit: SearchHit) {
        rank = hit.rank
        fileID = hit.fileID
    }

    /// Nil for anything but the text of a cursor.
    init?(_ text: String) {
        guard text.utf8.count <= 128 else { return nil }
        let base64 = String(text.map { $0 == "-" ? "+" : $0 == "_" ? "/" : $0 })
        let padding = String(repeating: "=", count: (4 - base64.utf8.count % 4) % 4)
        guard let bytes = Data(base64Encoded: base64 + padding) else { return nil }
        let parts = String(decoding: bytes, as: UTF8.self).split(
            separator: " ",
            omittingEmptySubsequences: false
        )
        guard parts.count == 2, let rank = Float(parts[0]), rank.isFinite,
            parts[0].utf8.allSatisfy(isNumberByte),
            let fileID = UUID(uuidString: String(parts[1]))
        else { return nil }
        self.rank = String(parts[0])
        self.fileID = fileID
    }

    /// Opaque to clients; safe in a URL.
    var text: String {
        let base64 = Data("\(rank) \(fileID.text)".utf8).base64EncodedString()
        return String(base64.filter { $0 != "=" }.map { $0 == "+" ? "-" : $0 == "/" ? "_" : $0 })
    }
}

/// Swift also reads hexadecimal floats; PostgreSQL does not.
private func isNumberByte(_ byte: UInt8) -> Bool {
    (0x30...0x39).contains(byte) || "+-.e".utf8.contains(byte)
}
