/// Without control characters and what turns the direction of writing: names of others must not steer a terminal.
func plain(_ text: String) -> String {
    var shown = String.UnicodeScalarView()
    for scalar in text.unicodeScalars {
        let isUnsafe: Bool
        switch scalar.properties.generalCategory {
        case .control, .lineSeparator, .paragraphSeparator: isUnsafe = true
        case .format:
            isUnsafe = (0x202A...0x202E).contains(scalar.value) || (0x2066...0x2069).contains(scalar.value)
        default: isUnsafe = false
        }
        shown.append(isUnsafe ? "?" : scalar)
    }
    return String(shown)
}
