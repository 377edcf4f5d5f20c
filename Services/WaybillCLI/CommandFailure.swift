import PostgresClient

/// Why a command did not do what it was asked: one plain sentence, and the code the process ends with.
struct CommandFailure: Error, Equatable {
    /// As `sysexits.h` has them. Wrong usage, 64, is the argument parser's own.
    enum ExitCode: Int32 {
        case refused = 1
        case unavailable = 69
        /// Asked for, but not answered in time; it stays asked for.
        case notYet = 75
    }

    let sentence: String
    let exitCode: ExitCode
}

extension CommandFailure {
    /// - Parameter database: the name to call it by; never its URL, which may hold a password.
    init(_ error: DatabaseError, database: String) {
        let reason = Self.reason(error)
        switch error {
        case .unavailable, .connectionLost, .timedOut, .cancelled:
            self.init(sentence: "\(database) \(reason).", exitCode: .unavailable)
        case .refused, .invalidValue, .unexpectedResult:
            self.init(sentence: "\(database) \(reason).", exitCode: .refused)
        }
    }

    /// What a database did, to be read after its name.
    static func reason(_ error: DatabaseError) -> String {
        switch error {
        case .unavailable(let reason): "cannot be reached: \(oneLine(reason))"
        case .connectionLost(let reason):
            "broke the connection, so look whether the change was made: \(oneLine(reason))"
        case .timedOut(let reason):
            "did not answer in time, so look whether the change was made: \(oneLine(reason))"
        case .cancelled: "was not waited for"
        case .refused("42P01", let message, _): "is not migrated for this command: \(oneLine(message))"
        case .refused(let state, let message, _): "refused (\(state)): \(oneLine(message))"
        case .invalidValue(let reason): "cannot take a value: \(oneLine(reason))"
        case .unexpectedResult(let reason):
            "gave an answer this program does not understand: \(oneLine(reason))"
        }
    }

    private static func oneLine(_ text: String) -> String {
        text.split(whereSeparator: \.isNewline).joined(separator: "; ")
    }
}
