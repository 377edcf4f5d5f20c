import Digests

/// Objects in short, in the order of their keys: how many, and one digest of all their keys, sizes and ETags.
///
/// Of each object it is three lines: key, size in decimal digits and ETag, each with a line feed behind it. `SummaryStore` has the database do the
/// same of the objects that rows stand for.
struct PageDigest: Equatable, Sendable {
    let count: Int
    let sha256: Digest256
}

extension PageDigest {
    private static let lineFeed = UInt8(ascii: "\n")

    /// Nil when a key or an ETag has a line feed in it: its lines could be those of several other objects.
    init?(of objects: ArraySlice<ObjectListing.Object>) {
        var text: [UInt8] = []
        text.reserveCapacity(objects.count * 160)
        for object in objects {
            text.append(contentsOf: object.key.text.utf8)
            text.append(Self.lineFeed)
            text.append(contentsOf: String(object.state.size).utf8)
            text.append(Self.lineFeed)
            text.append(contentsOf: object.state.etag.utf8)
            text.append(Self.lineFeed)
        }
        let lineCount = text.reduce(0) { $1 == Self.lineFeed ? $0 + 1 : $0 }
        guard lineCount == objects.count * 3 else { return nil }
        self.init(count: objects.count, sha256: .of(text))
    }
}
