import Determinism
import HTTPTypes

/// `Range: bytes=…` of one range. Several ranges or another unit are ignored, as S3 does.
enum ByteRange: Equatable, Sendable {
    case whole
    case from(Int64, through: Int64?)
    case last(Int64)

    init(_ header: String?) {
        self = .whole
        guard let header, header.hasPrefix("bytes=") else { return }
        let sides = header.dropFirst(6).split(separator: "-", maxSplits: 1, omittingEmptySubsequences: false)
        guard sides.count == 2 else { return }
        let (first, last) = (Int64(sides[0]), Int64(sides[1]))
        if sides[0].isEmpty, let last, last >= 0 {
            self = .last(last)
        } else if let first, first >= 0, sides[1].isEmpty || (last ?? -1) >= first {
            self = .from(first, through: last)
        }
    }

    /// Nil for the whole object.
    func resolved(size: Int64) throws(S3Error) -> Range<Int64>? {
        switch self {
        case .whole: return nil
        case .from(let first, let last):
            guard first < size else { throw ByteRange.notSatisfiable(size) }
            return first..<(min(last ?? size - 1, size - 1) + 1)
        case .last(let count):
            guard count > 0, size > 0 else { throw ByteRange.notSatisfiable(size) }
            return max(0, size - count)..<size
        }
    }

    static func notSatisfiable(_ size: Int64) -> S3Error {
        S3Error(416, "InvalidRange", "The requested range is not satisfiable.")
            .with(.contentRange, "bytes */\(size)")
    }
}

/// The conditions of a GET or HEAD, in the order of RFC 9110, section 13.2.2.
struct ReadCondition: Sendable {
    var match: [String]?
    var noneMatch: [String]?
    var modifiedSince: Timestamp?
    var unmodifiedSince: Timestamp?

    init(_ request: S3Request, prefix: String = "") {
        match = request.header("\(prefix)if-match").map(entityTags)
        noneMatch = request.header("\(prefix)if-none-match").map(entityTags)
        modifiedSince = request.header("\(prefix)if-modified-since").flatMap(Dates.parseHTTP)
        unmodifiedSince = request.header("\(prefix)if-unmodified-since").flatMap(Dates.parseHTTP)
    }

    /// - Throws: 412, or 304 with the headers a cache needs.
    func check(_ record: ObjectRecord) throws(S3Error) {
        // Dates in headers have whole seconds.
        let modified = record.modifiedMilliseconds / 1000
        if let match {
            guard match.contains(record.etag.text) || match.contains("*") else { throw .preconditionFailed }
        } else if let unmodifiedSince, modified > unmodifiedSince.secondsSinceEpoch {
            throw .preconditionFailed
        }
        let isUnchanged =
            if let noneMatch {
                noneMatch.contains(record.etag.text) || noneMatch.contains("*")
            } else {
                modifiedSince.map { modified <= $0.secondsSinceEpoch } ?? false
            }
        guard isUnchanged else { return }
        throw S3Error(304, "NotModified", "Not Modified")
            .with(.eTag, record.etag.quoted)
            .with(.lastModified, Dates.http(milliseconds: record.modifiedMilliseconds))
    }
}
