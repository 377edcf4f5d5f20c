public import Determinism
public import HTTPTypes

/// The conditions a request puts on the state of what it names (RFC 9110, section 13).
public struct Preconditions: Sendable {
    public enum Verdict: Equatable, Sendable {
        case proceed
        /// 304 for GET and HEAD.
        case notModified
        /// 412.
        case failed
    }

    private let fields: HTTPFields

    public init(_ fields: HTTPFields) { self.fields = fields }

    /// In the order of section 13.2.2. Dates count only where no entity tag field is given.
    ///
    /// - Parameters:
    ///   - current: the tag of the present content, or nil when there is none.
    ///   - isRead: the method is GET or HEAD.
    public func verdict(current: EntityTag?, lastModified: Timestamp?, isRead: Bool) -> Verdict {
        let ifMatch = fields[values: .ifMatch]
        if !ifMatch.isEmpty {
            guard let current, EntityTagList(ifMatch).contains(where: current.matchesStrongly) else {
                return .failed
            }
        } else if let limit = date(.ifUnmodifiedSince), let lastModified,
            isModified(lastModified, since: limit)
        {
            return .failed
        }
        let ifNoneMatch = fields[values: .ifNoneMatch]
        if !ifNoneMatch.isEmpty {
            if let current, EntityTagList(ifNoneMatch).contains(where: current.matchesWeakly) {
                return isRead ? .notModified : .failed
            }
        } else if isRead, let limit = date(.ifModifiedSince), let lastModified,
            !isModified(lastModified, since: limit)
        {
            return .notModified
        }
        return .proceed
    }

    /// Whether `Range` may be honoured: no If-Range, or one that names exactly the present content (section 13.1.5).
    public func allowsRange(current: EntityTag?, lastModified: Timestamp?) -> Bool {
        guard let condition = fields[.ifRange] else { return true }
        if condition.contains("\"") {
            guard let current else { return false }
            return EntityTagList([condition]).contains(where: current.matchesStrongly)
        }
        guard let date = HTTPDate.parse(condition), let lastModified else { return false }
        return lastModified.secondsSinceEpoch == date.secondsSinceEpoch
    }

    private func date(_ name: HTTPField.Name) -> Timestamp? { fields[name].flatMap(HTTPDate.parse) }

    /// HTTP dates have whole seconds only.
    private func isModified(_ time: Timestamp, since limit: Timestamp) -> Bool {
        time.secondsSinceEpoch > limit.secondsSinceEpoch
    }
}
