import Glibc
import SortedJSON

/// What the person or script at the other end sees: data on standard output, sentences about trouble on standard error.
enum Output {
    /// At once, also into a pipe: whoever reads it may be waiting.
    static func say(_ line: String) {
        print(line)
        fflush(nil)
    }

    static func complain(_ sentence: String) { writeError("waybill: \(sentence)\n") }

    /// What somebody should know although the work goes on; clears a progress bar that stands there.
    static func note(_ sentence: String) {
        writeError((isErrorTerminal ? "\r\u{1B}[K" : "") + "waybill: \(plain(sentence))\n")
    }

    /// Replaces the last line of the terminal.
    static func show(_ line: String) { writeError("\r\u{1B}[K\(line)") }

    static var isErrorTerminal: Bool { isatty(STDERR_FILENO) == 1 }

    /// Columns; 80 when the terminal does not say.
    static var errorTerminalWidth: Int {
        var size = winsize()
        guard ioctl(STDERR_FILENO, UInt(TIOCGWINSZ), &size) == 0, size.ws_col > 0 else { return 80 }
        return Int(size.ws_col)
    }

    /// One JSON text on one line, its keys sorted.
    static func say(json value: some Encodable) throws {
        say(try SortedJSON.text(of: value))
    }

    private static func writeError(_ text: String) {
        let bytes = Array(text.utf8)
        _ = write(STDERR_FILENO, bytes, bytes.count)
    }
}
