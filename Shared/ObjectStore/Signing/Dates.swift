import Determinism

/// The fixed form of an HTTP date, `Sun, 06 Nov 1994 08:49:37 GMT`. Nil for anything else.
///
/// Source: RFC 9110, section 5.6.7.
func timestamp(httpDate text: some StringProtocol) -> Timestamp? {
    let words = text.split(separator: " ")
    guard words.count == 6, words[5] == "GMT", let month = monthNames.firstIndex(of: String(words[2])),
        let day = Int64(words[1]), let year = Int64(words[3])
    else { return nil }
    let clock = words[4].split(separator: ":").compactMap { Int64($0) }
    return timestamp(year: year, month: Int64(month) + 1, day: day, clock: clock)
}

private let monthNames = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"]

/// Source: Howard Hinnant, "chrono-Compatible Low-Level Date Algorithms", days_from_civil.
private func timestamp(year: Int64, month: Int64, day: Int64, clock: [Int64]) -> Timestamp? {
    guard (1970...9999).contains(year), (1...12).contains(month), (1...31).contains(day), clock.count == 3,
        (0...23).contains(clock[0]), (0...59).contains(clock[1]), (0...60).contains(clock[2])
    else { return nil }
    let shiftedYear = month <= 2 ? year - 1 : year
    let era = shiftedYear / 400
    let yearOfEra = shiftedYear - era * 400
    let dayOfYear = (153 * (month > 2 ? month - 3 : month + 9) + 2) / 5 + day - 1
    let dayOfEra = yearOfEra * 365 + yearOfEra / 4 - yearOfEra / 100 + dayOfYear
    let days = era * 146_097 + dayOfEra - 719_468
    return Timestamp(secondsSinceEpoch: days * 86_400 + clock[0] * 3600 + clock[1] * 60 + clock[2])
}
