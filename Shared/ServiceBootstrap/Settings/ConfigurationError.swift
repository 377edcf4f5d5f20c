/// Every problem of a configuration at once, so that an operator repairs a deployment in one round.
public struct ConfigurationError: Error, Equatable, Sendable, CustomStringConvertible {
    /// One sentence each, naming the setting and what it must be; never its value when that is secret.
    public let problems: [String]

    /// For failures found after the settings were read, such as an unreadable file.
    public init(problems: [String]) { self.problems = problems }

    public var description: String {
        "The configuration is not usable: " + problems.joined(separator: "; ") + "."
    }
}
