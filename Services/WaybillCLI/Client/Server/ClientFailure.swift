/// Why a request, or a piece of work on a file, did not succeed.
enum ClientFailure: Error, Equatable {
    /// There was no connection: nothing was sent.
    case unreachable(String)
    /// No whole answer came: the request may have been carried out.
    case lost(String)
    case refused(Refusal)
    /// An answer that makes no sense here.
    case unusable(String)
    /// Something on this machine: a file or a folder.
    case local(String)
    /// Somebody else here is at it.
    case inUse(String)
    case interrupted
}

/// What a server said instead of doing what it was asked.
struct Refusal: Equatable, Sendable {
    var status: Int
    /// Such as `FILE_ALREADY_EXISTS`; nil when it was not our server that answered.
    var code: String?
    var detail: String
    var isRetryable = false
    var retryAfter: Duration?
    /// With `PARTS_MISSING` and `PARTS_WRONG`.
    var partNumbers: [Int] = []
}

extension ClientFailure {
    /// The same request may well succeed later. Every request of this program may be sent again: it asks for a state,
    /// not for a change.
    var isTransient: Bool {
        switch self {
        case .unreachable, .lost: true
        case .refused(let refusal):
            refusal.isRetryable || [408, 425, 429, 500, 502, 503, 504].contains(refusal.status)
        case .unusable, .local, .inUse, .interrupted: false
        }
    }

    /// There is more under way than server or network can take.
    var isCongestion: Bool {
        switch self {
        case .lost: true
        case .refused(let refusal): [429, 503, 504].contains(refusal.status)
        case .unreachable, .unusable, .local, .inUse, .interrupted: false
        }
    }

    var retryAfter: Duration? {
        if case .refused(let refusal) = self { return refusal.retryAfter }
        return nil
    }

    func hasCode(_ code: String) -> Bool {
        if case .refused(let refusal) = self { return refusal.code == code }
        return false
    }

    var exitCode: CommandFailure.ExitCode {
        switch self {
        case .unreachable: .unavailable
        case .interrupted, .inUse: .notYet
        case _ where isTransient: .notYet
        case .lost, .refused, .unusable, .local: .refused
        }
    }

    var sentence: String {
        switch self {
        case .unreachable(let reason): "The server cannot be reached: \(reason)."
        case .lost(let reason): "The server's answer did not come: \(reason)."
        case .refused(let refusal):
            refusal.detail + (refusal.code.map { " (\($0))" } ?? " (status \(refusal.status))")
        case .unusable(let reason): "The server's answer cannot be used: \(reason)."
        case .local(let reason), .inUse(let reason): reason
        case .interrupted: "Interrupted."
        }
    }
}

extension CommandFailure {
    init(_ failure: ClientFailure) {
        self.init(sentence: plain(failure.sentence), exitCode: failure.exitCode)
    }
}
