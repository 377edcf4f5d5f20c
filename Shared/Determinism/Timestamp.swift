/// A wall-clock instant: microseconds since 1970-01-01T00:00:00Z, the resolution PostgreSQL keeps.
public struct Timestamp: Hashable, Comparable, Sendable {
    public let microsecondsSinceEpoch: Int64

    public init(microsecondsSinceEpoch: Int64) { self.microsecondsSinceEpoch = microsecondsSinceEpoch }

    public init(secondsSinceEpoch: Int64) {
        let (product, overflow) = secondsSinceEpoch.multipliedReportingOverflow(by: 1_000_000)
        microsecondsSinceEpoch = overflow ? (secondsSinceEpoch < 0 ? .min : .max) : product
    }

    /// Whole seconds, rounded down.
    public var secondsSinceEpoch: Int64 { floorDivision(microsecondsSinceEpoch, by: 1_000_000) }
    public var millisecondsSinceEpoch: Int64 { floorDivision(microsecondsSinceEpoch, by: 1_000) }

    public static func < (left: Timestamp, right: Timestamp) -> Bool {
        left.microsecondsSinceEpoch < right.microsecondsSinceEpoch
    }

    /// Saturates instead of trapping.
    public func advanced(by duration: Duration) -> Timestamp {
        let (sum, overflow) = microsecondsSinceEpoch.addingReportingOverflow(duration.wholeMicroseconds)
        return Timestamp(
            microsecondsSinceEpoch: overflow ? (duration < .zero ? .min : .max) : sum
        )
    }

    /// How long after `earlier` this instant is; negative when it is before.
    public func duration(since earlier: Timestamp) -> Duration {
        let (difference, overflow) = microsecondsSinceEpoch.subtractingReportingOverflow(
            earlier.microsecondsSinceEpoch
        )
        guard overflow else { return .microseconds(difference) }
        return .microseconds(earlier < self ? Int64.max : Int64.min)
    }
}

extension Duration {
    /// Rounded toward zero; saturates at the range of `Int64`.
    public var wholeMicroseconds: Int64 {
        let (seconds, attoseconds) = components
        let (micros, overflow) = seconds.multipliedReportingOverflow(by: 1_000_000)
        let (sum, carry) = micros.addingReportingOverflow(attoseconds / 1_000_000_000_000)
        return overflow || carry ? (seconds < 0 ? .min : .max) : sum
    }

    public var wholeMilliseconds: Int64 { wholeMicroseconds / 1_000 }

    /// For metrics and logs only.
    public var inSeconds: Double { Double(wholeMicroseconds) / 1_000_000 }
}

private func floorDivision(_ value: Int64, by divisor: Int64) -> Int64 {
    let quotient = value / divisor
    return value % divisor < 0 ? quotient - 1 : quotient
}
