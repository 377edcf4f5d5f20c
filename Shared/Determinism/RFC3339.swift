extension Timestamp {
    /// RFC 3339 in UTC with microseconds, for example `2026-11-21T09:30:00.000250Z`.
    public var rfc3339: String {
        let date = CivilDate(daysSinceEpoch: wholeDays)
        let micros = microsecondsSinceEpoch &- wholeDays &* microsecondsPerDay
        let fraction = padded(micros % 1_000_000, 6)
        let clock = micros / 1_000_000
        return
            "\(date.text)T\(padded(clock / 3600, 2)):\(padded(clock / 60 % 60, 2)):\(padded(clock % 60, 2)).\(fraction)Z"
    }

    /// The UTC calendar day this instant falls on.
    public var date: CivilDate { CivilDate(daysSinceEpoch: wholeDays) }

    private var wholeDays: Int64 {
        let quotient = microsecondsSinceEpoch / microsecondsPerDay
        return microsecondsSinceEpoch % microsecondsPerDay < 0 ? quotient - 1 : quotient
    }
}

/// A day of the proleptic Gregorian calendar.
///
/// Source: Howard Hinnant, "chrono-Compatible Low-Level Date Algorithms", civil_from_days.
public struct CivilDate: Equatable, Sendable {
    public let year: Int64
    public let month: Int64
    public let day: Int64

    public init(daysSinceEpoch: Int64) {
        let shifted = daysSinceEpoch + 719_468
        let era = (shifted >= 0 ? shifted : shifted - 146_096) / 146_097
        let dayOfEra = shifted - era * 146_097
        let yearOfEra = (dayOfEra - dayOfEra / 1460 + dayOfEra / 36_524 - dayOfEra / 146_096) / 365
        let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
        let shiftedMonth = (5 * dayOfYear + 2) / 153
        day = dayOfYear - (153 * shiftedMonth + 2) / 5 + 1
        month = shiftedMonth < 10 ? shiftedMonth + 3 : shiftedMonth - 9
        year = yearOfEra + era * 400 + (month <= 2 ? 1 : 0)
    }

    public var text: String { "\(padded(year, 4))-\(padded(month, 2))-\(padded(day, 2))" }
}

private let microsecondsPerDay: Int64 = 86_400_000_000

/// Decimal digits, left-padded with zeros to `width`.
func padded(_ value: Int64, _ width: Int) -> String {
    let digits = String(value)
    return String(repeating: "0", count: max(0, width - digits.utf8.count)) + digits
}
