/// A value that must never reach a log: it prints as `<secret>` and shows nothing to reflection.
public struct Secret: Sendable, Hashable, CustomStringConvertible, CustomDebugStringConvertible,
    CustomReflectable
{
    private let value: String

    /// Wraps the text; an empty one is legal.
    public init(_ value: String) { self.value = value }

    /// The text itself. Every caller is a place to review.
    public func reveal() -> String { value }

    public var description: String { "<secret>" }
    public var debugDescription: String { "<secret>" }
    public var customMirror: Mirror { Mirror(self, children: []) }
}
