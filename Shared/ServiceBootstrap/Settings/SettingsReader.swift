import FoundationEssentials

/// Reads the environment once into plain values and collects every problem on the way.
///
/// Each getter returns a usable value even when the setting is wrong, so that reading goes on; `finish()` then throws.
/// An empty variable counts as absent.
public struct SettingsReader: Sendable {
    private let environment: [String: String]
    private let ownPrefix: String
    private var knownNames: Set<String> = [LogSettings.levelName]
    private(set) var problems: [String] = []

    /// - Parameter ownPrefix: variables starting with it belong to this program; unknown ones are reported as typing errors.
    public init(environment: [String: String], ownPrefix: String = "WAYBILL_") {
        self.environment = environment
        self.ownPrefix = ownPrefix
    }

    /// Throws once, with everything that was wrong. Call it after the last getter.
    public func finish() throws(ConfigurationError) {
        let all = problems + unknownNames()
        guard all.isEmpty else { throw ConfigurationError(problems: all) }
    }

    /// Names that other programs of the same deployment read, so that they are not reported here.
    public mutating func ignore(_ names: String...) { knownNames.formUnion(names) }

    /// Stops reporting unknown names: for a command that reads only some of its program's settings.
    public mutating func ignoreOthers() { knownNames.formUnion(environment.keys) }

    /// The value, or nil when it is not set.
    public mutating func optionalText(_ name: String) -> String? {
        knownNames.insert(name)
        guard let value = environment[name], !value.isEmpty else { return nil }
        return value
    }

    /// Required text.
    public mutating func text(_ name: String) -> String {
        guard let value = optionalText(name) else {
            report("\(name) is missing")
            return ""
        }
        return value
    }

    /// Text with a default.
    public mutating func text(_ name: String, default fallback: String) -> String {
        optionalText(name) ?? fallback
    }

    /// Required secret text.
    public mutating func secret(_ name: String) -> Secret { Secret(text(name)) }

    /// Secret text with a default.
    public mutating func secret(_ name: String, default fallback: String) -> Secret {
        Secret(text(name, default: fallback))
    }

    /// A whole number within `range`.
    public mutating func integer(_ name: String, default fallback: Int, in range: ClosedRange<Int>) -> Int {
        parsed(
            name,
            default: fallback,
            "must be a whole number from \(range.lowerBound) to \(range.upperBound)"
        ) {
            Int($0).flatMap { range.contains($0) ? $0 : nil }
        }
    }

    /// A length of time such as `250ms`, `30s`, `15m`, `24h` or `7d`, within `range`.
    public mutating func duration(_ name: String, default fallback: Duration, in range: ClosedRange<Duration>)
        -> Duration
    {
        let limits = "from \(range.lowerBound) to \(range.upperBound)"
        return parsed(name, default: fallback, "must be a time such as 250ms, 30s, 15m, 24h or 7d, \(limits)")
        {
            Quantity.duration($0).flatMap { range.contains($0) ? $0 : nil }
        }
    }

    /// An amount of bytes such as `1048576`, `64KiB`, `16MiB` or `5GiB`, within `range`.
    public mutating func bytes(_ name: String, default fallback: Int64, in range: ClosedRange<Int64>) -> Int64
    {
        let limits = "from \(range.lowerBound) to \(range.upperBound) bytes"
        return parsed(
            name,
            default: fallback,
            "must be a size such as 1048576, 64KiB, 16MiB or 5GiB, \(limits)"
        ) {
            Quantity.bytes($0).flatMap { range.contains($0) ? $0 : nil }
        }
    }

    /// `true/false`, `yes/no`, `on/off` or `1/0`.
    public mutating func flag(_ name: String, default fallback: Bool) -> Bool {
        parsed(name, default: fallback, "must be true or false") { Quantity.flag($0) }
    }

    /// One of an enumeration's raw values.
    public mutating func choice<Choice: CaseIterable & RawRepresentable<String>>(
        _ name: String,
        default fallback: Choice
    ) -> Choice {
        let names = Choice.allCases.map(\.rawValue).joined(separator: ", ")
        return parsed(name, default: fallback, "must be one of \(names)") { Choice(rawValue: $0) }
    }

    /// A required absolute URL with one of `schemes` and a host. It is not shown in the problem: it may hold a password.
    public mutating func url(_ name: String, schemes: Set<String>) -> String {
        check(url: text(name), name, schemes)
    }

    /// An absolute URL with a default.
    public mutating func url(_ name: String, default fallback: String, schemes: Set<String>) -> String {
        check(url: text(name, default: fallback), name, schemes)
    }

    /// Adds a problem the caller found itself, for example two settings that contradict each other.
    public mutating func report(_ problem: String) { problems.append(problem) }

    private mutating func parsed<Value>(
        _ name: String,
        default fallback: Value,
        _ demand: String,
        _ parse: (String) -> Value?
    ) -> Value {
        guard let given = optionalText(name) else { return fallback }
        if let value = parse(given) { return value }
        report("\(name) \(demand)")
        return fallback
    }

    private mutating func check(url value: String, _ name: String, _ schemes: Set<String>) -> String {
        guard !value.isEmpty else { return value }
        let parts = URLComponents(string: value)
        guard let scheme = parts?.scheme, schemes.contains(scheme), let host = parts?.host, !host.isEmpty
        else {
            report(
                "\(name) must be a URL with a host, starting with \(schemes.sorted().joined(separator: " or "))://"
            )
            return value
        }
        return value
    }

    private func unknownNames() -> [String] {
        environment
            .filter { $0.key.hasPrefix(ownPrefix) && !knownNames.contains($0.key) && !$0.value.isEmpty }
            .keys.sorted()
            .map { "\($0) is not a setting of this program (a typing error?)" }
    }
}
