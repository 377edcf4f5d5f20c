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

    private static let parameters: Set = ["q", "limit", "cursor", "content_type", "name_prefix"]

    /// - Parameter query: what follows `?`, undecoded.
    init(query text: String?) throws(Problem) {
        let query = try QueryItems(text, known: Self.parameters, code: "INVALID_SEARCH")
        let text = try query.text("q") ?? ""
        guard text.unicodeScalars.count <= SearchQuery.inputLimit else {
            throw query.refusal("q", "may have \(SearchQuery.inputLimit) characters at most")
        }
        guard let tsquery = SearchQuery(text).tsquery else {
            throw query.refusal("q", "must hold at least one word to look for")
        }
        self.tsquery = tsquery
        limit = try query.integer("limit", default: Self.defaultLimit, in: Self.limits)
        cursor = try Self.cursor(query)
        contentType = try Self.filter("content_type", query)
        namePrefix = try Self.filter("name_prefix", query)
    }

    private static func cursor(_ query: QueryItems) throws(Problem) -> SearchCursor? {
        guard let text = try query.text("cursor"), !text.isEmpty else { return nil }
        guard let cursor = SearchCursor(text) else {
            throw query.refusal("cursor", "is not one this service gave")
        }
        return cursor
    }

    private static func filter(_ name: String, _ query: QueryItems) throws(Problem) -> String? {
        guard let text = try query.text(name), !text.isEmpty else { return nil }
        guard text.utf8.count <= filterByteLimit else {
            throw query.refusal(name, "may have \(filterByteLimit) bytes at most")
        }
        return text
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
        guard parts.count == 2, let rank = Float(parts[0]),
            // What PostgreSQL would refuse as out of range has become 0 or infinite here.
            rank.isNormal || parts[0] == "0",
            parts[0].utf8.allSatisfy(isNumberByte),
            let fileID = UUID(text: String(parts[1]))
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
