/// An entity tag (RFC 9110, section 8.8.3).
public struct EntityTag: Hashable, Sendable {
    public let isWeak: Bool
    /// Without quotes.
    public let opaque: String

    /// - Parameter opaque: visible ASCII without quotes; other characters are dropped.
    public init(_ opaque: String, isWeak: Bool = false) {
        self.opaque = String(
            opaque.unicodeScalars.filter { $0.value > 0x20 && $0.value < 0x7F && $0 != "\"" }.map(
                Character.init
            )
        )
        self.isWeak = isWeak
    }

    /// As a header field has it.
    public var text: String { "\(isWeak ? "W/" : "")\"\(opaque)\"" }

    /// For If-Match and If-Range: both strong and equal.
    public func matchesStrongly(_ other: EntityTag) -> Bool {
        !isWeak && !other.isWeak && opaque == other.opaque
    }

    /// For If-None-Match.
    public func matchesWeakly(_ other: EntityTag) -> Bool { opaque == other.opaque }
}

/// `*` or a list of entity tags, from If-Match and If-None-Match.
enum EntityTagList: Equatable {
    case any
    case tags([EntityTag])

    /// - Parameter fields: all lines of the field. Elements that are no entity tag match nothing.
    init(_ fields: [String]) {
        let joined = fields.joined(separator: ",")
        if joined.filter({ $0 != " " }) == "*" {
            self = .any
            return
        }
        var tags: [EntityTag] = []
        var rest = joined.unicodeScalars[...]
        while true {
            rest = rest.drop { $0 == "," || $0 == " " || $0 == "\t" }
            guard !rest.isEmpty else { break }
            let isWeak = rest.starts(with: "W/".unicodeScalars)
            if isWeak { rest = rest.dropFirst(2) }
            guard rest.first == "\"" else {
                rest = rest.drop { $0 != "," }
                continue
            }
            let opaque = rest.dropFirst().prefix { $0 != "\"" }
            rest = rest.dropFirst(opaque.count + 2)
            tags.append(EntityTag(String(String.UnicodeScalarView(opaque)), isWeak: isWeak))
        }
        self = .tags(tags)
    }

    func contains(where matches: (EntityTag) -> Bool) -> Bool {
        switch self {
        case .any: true
        case .tags(let tags): tags.contains(where: matches)
        }
    }
}
