/// How settings spell amounts.
enum Quantity {
    static func duration(_ text: String) -> Duration? {
        guard let (number, unit) = split(text) else { return nil }
        let milliseconds: Int64? =
            switch unit {
            case "ms": 1
            case "s": 1_000
            case "m": 60_000
            case "h": 3_600_000
            case "d": 86_400_000
            default: nil
            }
        return product(number, milliseconds).map { .milliseconds($0) }
    }

    static func bytes(_ text: String) -> Int64? {
        guard let (number, unit) = split(text) else { return nil }
        let factor: Int64? =
            switch unit {
            case "", "B": 1
            case "kB", "KB": 1_000
            case "MB": 1_000_000
            case "GB": 1_000_000_000
            case "TB": 1_000_000_000_000
            case "KiB": 1 << 10
            case "MiB": 1 << 20
            case "GiB": 1 << 30
            case "TiB": 1 << 40
            default: nil
            }
        return product(number, factor)
    }

    static func flag(_ text: String) -> Bool? {
        switch text.lowercased() {
        case "true", "yes", "on", "1": true
        case "false", "no", "off", "0": false
        default: nil
        }
    }

    private static func split(_ text: String) -> (Int64, Substring)? {
        let digits = text.prefix { ("0"..."9").contains($0) }
        guard let number = Int64(digits) else { return nil }
        return (number, text.dropFirst(digits.count))
    }

    private static func product(_ number: Int64, _ factor: Int64?) -> Int64? {
        guard let factor else { return nil }
        let (value, overflow) = number.multipliedReportingOverflow(by: factor)
        return overflow ? nil : value
    }
}
