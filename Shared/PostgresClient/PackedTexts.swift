/// Texts in one piece of memory: two allocations, however many there are.
public struct PackedTexts: Equatable, Sendable {
    /// One behind the other, in UTF-8.
    public internal(set) var bytes: [UInt8] = []
    /// Where each of them ends in `bytes`.
    public internal(set) var ends: [Int] = []

    public init(_ texts: [String] = []) {
        for text in texts {
            bytes.append(contentsOf: text.utf8)
            ends.append(bytes.count)
        }
    }
}
