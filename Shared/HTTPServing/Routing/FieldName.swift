public import HTTPTypes

extension HTTPField.Name {
    /// A field name written in the program.
    public static func constant(_ text: StaticString) -> HTTPField.Name {
        guard let name = HTTPField.Name("\(text)") else { preconditionFailure("not a field name: \(text)") }
        return name
    }
}
