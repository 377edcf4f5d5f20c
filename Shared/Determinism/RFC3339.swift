extension Timestamp {
    /// RFC 3339 in UTC with microseconds, for example `2026-11-21T09:30:00.000250Z`.
    public var rfc3339: String {
        let micros = microsecondsSinceEpoch &- wholeDays &* microsecondsPerDay
        let clock = micros / 1_000_000
        var text: [UInt8] = []
        text.reserveCapacity(27)
        date.write(to: &text)
        append(clock / 3600, after: "T", width: 2, to: &text)
        append(clock / 60 % 60, after: ":", width: 2, to: &text)
        append(clock % 60, after: ":", width: 2, to: &text)
        append(micros % 1_000_000, after: ".", width: 6, to: &text)
        text.append(UInt8(ascii: "Z"))
        return String(decoding: text, as: UTF8.self)
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

    public var text: String {
        var text: [UInt8] = []
        write(to: &text)
        return String(decoding: text, as: UTF8.self)
    }

    fileprivate func write(to text: inout [UInt8]) {
        append(year, after: nil, width: 4, to: &text)
        append(month, after: "-", width: 2, to: &text)
        append(day, after: "-", width: 2, to: &text)
    }
}

private let microsecondsPerDay: Int64 = 86_400_000_000

/// Decimal digits, at least `width` of them.
private func append(_ value: Int64, after mark: Unicode.Scalar?, width: Int, to text: inout [UInt8]) {
    if let mark { text.append(UInt8(ascii: mark)) }
    if value < 0 { text.append(UInt8(ascii: "-")) }
    var power: UInt64 = 1
    for _ in 1..<width { power *= 10 }
    while value.magnitude / 10 >= power { power *= 10 }
    while power > 0 {
        text.append(UInt8(ascii: "0") + UInt8(value.magnitude / power % 10))
        power /= 10
    }
}
