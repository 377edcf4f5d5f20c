import FoundationEssentials
import Glibc

/// What the person or script at the other end sees: data on standard output, sentences about trouble on standard error.
enum Output {
    static func say(_ line: String) { print(line) }

    static func complain(_ sentence: String) {
        let line = Array("waybill: \(sentence)\n".utf8)
        _ = write(STDERR_FILENO, line, line.count)
    }

    /// One JSON text on one line, its keys sorted.
    static func say(json value: some Encodable) throws {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        say(String(decoding: try encoder.encode(value), as: UTF8.self))
    }
}
