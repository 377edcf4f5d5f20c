extension Timestamp {
    /// Reads `YYYY-MM-DDTHH:MM:SS[.fraction](Z|±HH:MM)` (RFC 3339, section 5.6).
    ///
    /// Digits beyond the microsecond are dropped. Nil for anything else, impossible days and leap seconds included.
    public init?(rfc3339 text: String) {
        var text = text
        let timestamp = text.withUTF8 { Timestamp(DigitScanner($0)) }
        guard let timestamp else { return nil }
        self = timestamp
    }

    private init?(_ text: DigitScanner) {
        var scanner = text
        guard
            let year = scanner.number(digits: 4), scanner.skip("-"),
            let month = scanner.number(digits: 2), scanner.skip("-"),
            let day = scanner.number(digits: 2), scanner.skip("T"),
            let hour = scanner.number(digits: 2), scanner.skip(":"),
            let minute = scanner.number(digits: 2), scanner.skip(":"),
            let second = scanner.number(digits: 2),
            let fraction = scanner.fraction(),
            let offset = scanner.offsetMinutes(), scanner.isAtEnd,
            let days = daysSinceEpoch(year: year, month: month, day: day),
            hour < 24, minute < 60, second < 60
        else { return nil }
        // Four-digit years keep every product far inside Int64.
        let seconds = days * 86_400 + hour * 3600 + (minute - offset) * 60 + second
        self.init(microsecondsSinceEpoch: seconds * 1_000_000 + fraction)
    }
}

/// Nil when the calendar has no such day: the day must survive the way back.
private func daysSinceEpoch(year: Int64, month: Int64, day: Int64) -> Int64? {
    guard (1...12).contains(month), (1...31).contains(day) else { return nil }
    // Howard Hinnant, "chrono-Compatible Low-Level Date Algorithms", days_from_civil, for years of 0 and more.
    let shiftedYear = month <= 2 ? year - 1 : year
    let era = (shiftedYear >= 0 ? shiftedYear : shiftedYear - 399) / 400
    let yearOfEra = shiftedYear - era * 400
    let dayOfYear = (153 * (month > 2 ? month - 3 : month + 9) + 2) / 5 + day - 1
    let dayOfEra = yearOfEra * 365 + yearOfEra / 4 - yearOfEra / 100 + dayOfYear
    let days = era * 146_097 + dayOfEra - 719_468
    let back = CivilDate(daysSinceEpoch: days)
    return back.month == month && back.day == day ? days : nil
}

private struct DigitScanner {
    private let text: UnsafeBufferPointer<UInt8>
    private var position = 0

    /// - Parameter text: outlives the scanner.
    init(_ text: UnsafeBufferPointer<UInt8>) { self.text = text }

    var isAtEnd: Bool { position == text.count }
    private var next: UInt8? { isAtEnd ? nil : text[position] }

    mutating func skip(_ character: Unicode.Scalar) -> Bool {
        guard next == UInt8(ascii: character) else { return false }
        position += 1
        return true
    }

    mutating func digit() -> Int64? {
        guard let next, (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(next) else { return nil }
        position += 1
        return Int64(next - UInt8(ascii: "0"))
    }

    mutating func number(digits: Int) -> Int64? {
        var value: Int64 = 0
        for _ in 0..<digits {
            guard let digit = digit() else { return nil }
            value = value * 10 + digit
        }
        return value
    }

    /// Microseconds; 0 when there is no fraction, nil for a point without digits.
    mutating func fraction() -> Int64? {
        guard skip(".") else { return 0 }
        guard let first = digit() else { return nil }
        var value = first
        var count = 1
        while let next = digit() {
            guard count < 6 else { continue }
            value = value * 10 + next
            count += 1
        }
        for _ in count..<6 { value *= 10 }
        return value
    }

    mutating func offsetMinutes() -> Int64? {
        if skip("Z") { return 0 }
        let isEast = skip("+")
        guard isEast || skip("-"), let hours = number(digits: 2), skip(":"), let minutes = number(digits: 2),
            hours < 24, minutes < 60
        else { return nil }
        return (isEast ? 1 : -1) * (hours * 60 + minutes)
    }
}
