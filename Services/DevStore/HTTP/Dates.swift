import Determinism

/// The three spellings of an instant that S3 uses.
enum Dates {
    private static let months = [
        "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
    ]
    private static let weekdays = ["Thu", "Fri", "Sat", "Sun", "Mon", "Tue", "Wed"]

    /// `20261121T093000Z`, of `x-amz-date`.
    static func parseBasic(_ text: String) -> Timestamp? {
        let bytes = Array(text.utf8)
        guard bytes.count == 16, bytes[8] == UInt8(ascii: "T"), bytes[15] == UInt8(ascii: "Z") else {
            return nil
        }
        return timestamp(
            number(bytes[0..<4]),
            number(bytes[4..<6]),
            number(bytes[6..<8]),
            clock: [number(bytes[9..<11]), number(bytes[11..<13]), number(bytes[13..<15])]
        )
    }

    /// `Sat, 21 Nov 2026 09:30:00 GMT` (IMF-fixdate, RFC 9110, section 5.6.7).
    static func parseHTTP(_ text: String) -> Timestamp? {
        let pieces = text.split(separator: " ")
        guard pieces.count == 6, let month = months.firstIndex(of: String(pieces[2])) else { return nil }
        let clock = pieces[4].split(separator: ":").map { number(Array($0.utf8)[...]) }
        return timestamp(
            number(Array(pieces[3].utf8)[...]),
            month + 1,
            number(Array(pieces[1].utf8)[...]),
            clock: clock
        )
    }

    /// `2026-11-21T09:30:00Z`, with or without a fraction, as in XML.
    static func parseExtended(_ text: String) -> Timestamp? {
        let bytes = Array(text.utf8)
        guard bytes.count >= 20, bytes.last == UInt8(ascii: "Z"), bytes[10] == UInt8(ascii: "T") else {
            return nil
        }
        return timestamp(
            number(bytes[0..<4]),
            number(bytes[5..<7]),
            number(bytes[8..<10]),
            clock: [number(bytes[11..<13]), number(bytes[14..<16]), number(bytes[17..<19])]
        )
    }

    static func http(milliseconds: Int64) -> String {
        let (days, date, clock) = split(milliseconds)
        let weekday = weekdays[Int(((days % 7) + 7) % 7)]
        let month = months[Int(date.month - 1)]
        return "\(weekday), \(two(date.day)) \(month) \(date.year) \(clock) GMT"
    }

    /// `2026-11-21T09:30:00.000Z`.
    static func extended(milliseconds: Int64) -> String {
        let (_, date, clock) = split(milliseconds)
        let fraction = String(((milliseconds % 1000) + 1000) % 1000)
        let padded = String(repeating: "0", count: 3 - fraction.utf8.count) + fraction
        return "\(date.text)T\(clock).\(padded)Z"
    }

    private static func split(_ milliseconds: Int64) -> (Int64, CivilDate, String) {
        let seconds = Int64((Double(milliseconds) / 1000).rounded(.down))
        let days = Int64((Double(seconds) / 86_400).rounded(.down))
        let rest = seconds - days * 86_400
        return (
            days, CivilDate(daysSinceEpoch: days),
            "\(two(rest / 3600)):\(two(rest / 60 % 60)):\(two(rest % 60))"
        )
    }

    private static func two(_ value: Int64) -> String { value < 10 ? "0\(value)" : "\(value)" }

    /// Nil for anything but one to five digits.
    private static func number(_ digits: ArraySlice<UInt8>) -> Int? {
        guard (1...5).contains(digits.count), digits.allSatisfy({ (48...57).contains($0) }) else {
            return nil
        }
        return digits.reduce(0) { $0 * 10 + Int($1 - 48) }
    }

    /// Source: Howard Hinnant, "chrono-Compatible Low-Level Date Algorithms", days_from_civil.
    private static func timestamp(_ year: Int?, _ month: Int?, _ day: Int?, clock: [Int?]) -> Timestamp? {
        guard let year, let month, let day, clock.count == 3, let hour = clock[0], let minute = clock[1],
            let second = clock[2], (1...9999).contains(year), (1...12).contains(month),
            (1...31).contains(day), hour < 24, minute < 60, second < 61
        else { return nil }
        let shifted = month <= 2 ? year - 1 : year
        let era = shifted / 400
        let yearOfEra = shifted - era * 400
        let dayOfYear = (153 * (month > 2 ? month - 3 : month + 9) + 2) / 5 + day - 1
        let dayOfEra = yearOfEra * 365 + yearOfEra / 4 - yearOfEra / 100 + dayOfYear
        let days = era * 146_097 + dayOfEra - 719_468
        return Timestamp(secondsSinceEpoch: Int64(days * 86_400 + hour * 3600 + minute * 60 + second))
    }
}
