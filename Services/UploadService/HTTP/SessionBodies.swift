import Determinism
import Digests
import HTTPServing
import Hummingbird
import NIOCore
import ObjectStore

import struct FoundationEssentials.Data
import class FoundationEssentials.JSONDecoder
import struct FoundationEssentials.UUID

/// The body of `POST /api/v1/uploads`.
struct SessionBody: Decodable {
    let name: String
    let size: Int64
    let contentType: String?
    let sha256: String?
    let partSize: Int64?
    let uploadID: String?
    let urlCount: Int?
    let checksum: String?

    enum CodingKeys: String, CodingKey, CaseIterable {
        case name, size, sha256
        case contentType = "content_type"
        case partSize = "part_size"
        case uploadID = "upload_id"
        case urlCount = "url_count"
        case checksum = "checksum_algorithm"
    }

    init(_ request: Request, _ context: ServiceContext) async throws {
        self = try await request.decoded(
            SessionBody.self,
            members: CodingKeys.allCases.map(\.rawValue),
            context,
            #"must be JSON of the form {"name": "…", "size": 123}; size is in bytes"#
        )
    }

    /// What makes the request what it is; how many URLs it wants does not.
    var facts: [String?] {
        [name, String(size), contentType, sha256, partSize.map { String($0) }, uploadID, checksum]
    }

    /// - Parameter derived: the id where the client has chosen none.
    func session(id derived: UUID?) throws -> NewSession {
        guard size >= 0 else { throw RequestRefusal.body("must have a size of 0 or more bytes") }
        guard (0...UploadSessions.urlCountLimit).contains(urlCount ?? 0) else {
            throw RequestRefusal.body("must have a url_count from 0 to \(UploadSessions.urlCountLimit)")
        }
        guard checksum == nil || (urlCount ?? 0) == 0 else {
            throw RequestRefusal.body(
                "must not ask for URLs with a checksum_algorithm: sign each part with its checksum"
            )
        }
        return NewSession(
            id: try uploadID.map(Self.id) ?? derived,
            name: try FileName(name),
            contentType: ContentType(declared: contentType),
            size: size,
            sha256: try sha256.map(DeclaredDigest.hex),
            partSize: partSize,
            checksum: try checksum.map(Self.checksum)
        )
    }

    private static func checksum(_ text: String) throws(RequestRefusal) -> PartChecksum.Kind {
        guard let kind = PartChecksum.Kind(rawValue: text.lowercased()), kind != .md5 else {
            throw .body("must have as checksum_algorithm sha256, crc32c or crc64nvme")
        }
        return kind
    }

    /// Only random ids, so that nobody can try whether somebody else's exists.
    private static func id(_ text: String) throws(RequestRefusal) -> UUID {
        guard let id = UUID(text: text), [4, 7].contains(id.uuid.6 >> 4) else {
            throw .body("must have as upload_id a random UUID: version 4 or 7")
        }
        return id
    }
}

/// The body of `POST /api/v1/uploads/{id}/parts`: numbers alone, or with the checksum each part will have.
struct WantedParts: Decodable {
    let partNumbers: [Int]?
    let wanted: [Part]?

    struct Part: Decodable {
        let number: Int
        let sha256: String?
        let crc32c: String?
        let crc64nvme: String?
        let md5: String?

        enum CodingKeys: String, CodingKey, CaseIterable {
            case number = "part_number"
            case sha256 = "checksum_sha256"
            case crc32c = "checksum_crc32c"
            case crc64nvme = "checksum_crc64nvme"
            case md5 = "content_md5"
        }

        /// - Throws: for a misspelt checksum too: a URL without would take any bytes.
        init(from decoder: any Decoder) throws {
            let known = CodingKeys.allCases.map(\.rawValue)
            guard try MemberNames(from: decoder).names.allSatisfy(known.contains) else {
                throw RequestRefusal.body(
                    "has a part with a member that is not one of \(known.joined(separator: ", "))"
                )
            }
            let members = try decoder.container(keyedBy: CodingKeys.self)
            number = try members.decode(Int.self, forKey: .number)
            sha256 = try members.decodeIfPresent(String.self, forKey: .sha256)
            crc32c = try members.decodeIfPresent(String.self, forKey: .crc32c)
            crc64nvme = try members.decodeIfPresent(String.self, forKey: .crc64nvme)
            md5 = try members.decodeIfPresent(String.self, forKey: .md5)
        }
    }

    enum CodingKeys: String, CodingKey, CaseIterable {
        case partNumbers = "part_numbers"
        case wanted = "parts"
    }

    init(_ request: Request, _ context: ServiceContext) async throws {
        self = try await request.decoded(
            WantedParts.self,
            members: CodingKeys.allCases.map(\.rawValue),
            context,
            #"must be JSON of the form {"part_numbers": [1, 2]} or {"parts": [{"part_number": 1, "checksum_sha256": "<base64>"}]}"#
        )
    }

    func parts() throws(RequestRefusal) -> [WantedURL] {
        guard (partNumbers == nil) != (wanted == nil) else {
            throw .body("must have either part_numbers or parts")
        }
        var parts = (partNumbers ?? []).map { WantedURL(number: $0, checksum: nil) }
        for part in wanted ?? [] {
            parts.append(WantedURL(number: part.number, checksum: try Self.checksum(of: part)))
        }
        guard (1...UploadSessions.urlCountLimit).contains(parts.count) else {
            throw .body("must name 1 to \(UploadSessions.urlCountLimit) parts")
        }
        guard Set(parts.map(\.number)).count == parts.count else { throw .body("must name each part once") }
        return parts
    }

    private static func checksum(of part: Part) throws(RequestRefusal) -> PartChecksum? {
        let given: [(PartChecksum.Kind, String?)] = [
            (.sha256, part.sha256), (.crc32c, part.crc32c), (.crc64nvme, part.crc64nvme), (.md5, part.md5),
        ]
        let present = given.compactMap { kind, text in text.map { (kind, $0) } }
        guard let (kind, text) = present.first else { return nil }
        guard present.count == 1, let checksum = PartChecksum(kind, base64: text) else {
            throw .body("must have one checksum per part at most, in base64 of its full length")
        }
        return checksum
    }
}

/// The body of `POST /api/v1/uploads/{id}/complete`, which may be empty.
struct CompletionBody: Decodable {
    let sha256: String?

    init(_ request: Request, _ context: ServiceContext) async throws {
        self = try await request.decoded(
            CompletionBody.self,
            members: ["sha256"],
            context,
            #"must be empty, or JSON of the form {"sha256": "<64 hexadecimal digits>"}"#
        )
    }

    func digest() throws(RequestRefusal) -> Digest256? { try sha256.map(DeclaredDigest.hex) }
}

/// Whatever an object has besides the members that are known.
private struct MemberNames: Decodable {
    let names: [String]

    private struct Name: CodingKey {
        let stringValue: String
        var intValue: Int? { nil }
        init?(stringValue: String) { self.stringValue = stringValue }
        init?(intValue: Int) { nil }
    }

    init(from decoder: any Decoder) throws {
        names = try decoder.container(keyedBy: Name.self).allKeys.map(\.stringValue)
    }
}

extension Request {
    /// Reads a JSON body, strictly: a member that is misspelt may be the one that mattered. An empty one counts as `{}`.
    ///
    /// - Parameter form: finishes the sentence "The request body …" when it is anything else.
    func decoded<Body: Decodable>(
        _: Body.Type,
        members: [String],
        _ context: ServiceContext,
        _ form: String
    ) async throws -> Body {
        let bytes = try await body.collect(upTo: context.maxUploadSize)
        let data = bytes.readableBytes == 0 ? Data("{}".utf8) : Data(bytes.readableBytesView)
        let decoder = JSONDecoder()
        do {
            let names = try decoder.decode(MemberNames.self, from: data).names
            guard names.allSatisfy(members.contains) else {
                throw RequestRefusal.body(
                    "has a member that is not known here; known are: \(members.sorted().joined(separator: ", "))"
                )
            }
            return try decoder.decode(Body.self, from: data)
        } catch let refusal as RequestRefusal { throw refusal } catch { throw RequestRefusal.body(form) }
    }

    /// Nil when it will only be known at the end.
    func bodyLength() throws(RequestRefusal) -> Int64? {
        if !headers[values: .transferEncoding].isEmpty { return nil }
        guard let length = announcedLength else { throw .lengthMissing }
        return length
    }

    var announcedLength: Int64? {
        headers[.contentLength].flatMap { Int64($0) }.flatMap { $0 >= 0 ? $0 : nil }
    }
}
