import ArgumentParser
import ServiceBootstrap

struct UploadCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "upload",
        abstract: "Stores files on a server, in parts, and goes on where it was interrupted.",
        discussion: """
            Prints the id of each stored file. An interrupted upload is remembered under $XDG_STATE_HOME/waybill (by \
            default ~/.local/state/waybill): run the same command again and only what is missing is sent.
            Exit codes: 0 all stored, 1 refused, 64 wrong usage, 69 the server cannot be reached, 75 try again.
            """
    )

    @OptionGroup var server: ServerOptions
    @Argument(help: "The files; no folders.") var files: [String]
    @Option(help: "Store it under this name instead of its own; for one file only.") var name: String?
    @Option(help: "Such as text/plain; application/octet-stream when absent.") var contentType: String?
    @Option(help: "Bytes of a part, such as 64MiB; the server's choice when absent.") var partSize: String?
    @Option(help: "How many parts are sent at once, 1 to 64.") var parallel = 4
    @Flag(help: "Send parts straight to the object store, with URLs the server signs.") var direct = false
    @Flag(help: "One JSON object per file, one line each.") var json = false

    func validate() throws {
        guard (1...64).contains(parallel) else { throw ValidationError("--parallel is 1 to 64.") }
        guard name == nil || files.count == 1 else { throw ValidationError("--name is for one file.") }
        _ = try partByteCount
    }

    private var partByteCount: Int64? {
        get throws {
            guard let partSize else { return nil }
            var reader = SettingsReader(environment: ["--part-size": partSize])
            let count = reader.bytes("--part-size", default: 1, in: 1...(5 << 40))
            do { try reader.finish() } catch { throw ValidationError("\(error)") }
            return count
        }
    }

    func run() async throws {
        let choices = UploadChoices(
            name: name,
            contentType: contentType,
            partSize: try partByteCount,
            parallel: parallel,
            isDirect: direct
        )
        let worst = try await server.use(patience: .seconds(120), connections: parallel + 2) {
            (api: APIClient) async throws(ClientFailure) -> CommandFailure.ExitCode? in
            let journal = try Journal.ofThisUser()
            return await untilInterrupted { await storeAll(choices, api, journal) }
        }
        if let worst { throw ExitCode(worst.rawValue) }
    }

    /// - Returns: the worst exit code; nil when all are stored.
    private func storeAll(
        _ choices: UploadChoices,
        _ api: APIClient,
        _ journal: Journal
    ) async -> CommandFailure.ExitCode? {
        var worst: CommandFailure.ExitCode?
        var lasting: ClientFailure?
        for path in files {
            // What stopped the one before would stop this one too.
            if let lasting {
                report(path, lasting)
                continue
            }
            let meter = ProgressMeter()
            let run = UploadRun(api: api, journal: journal, choices: choices, meter: meter, note: Output.note)
            do throws(ClientFailure) {
                let stored = try await ProgressBar(path: path, meter: meter, time: api.time).whileShown {
                    () async throws(ClientFailure) in try await run.store(path)
                }
                report(stored)
            } catch {
                report(path, error)
                worst = [worst, error.exitCode].compactMap(\.self).max { $0.severity < $1.severity }
                if error.endsEverything { lasting = error }
            }
        }
        return worst
    }

    private func report(_ stored: StoredUpload) {
        if json { try? Output.say(json: stored) } else { Output.say(stored.text) }
    }

    private func report(_ path: String, _ failure: ClientFailure) {
        if json { try? Output.say(json: FailedUpload(path, failure)) }
        let hint = failure.exitCode == .refused ? "" : " The same command goes on where this one stopped."
        let subject = failure.sentence.hasPrefix(path) ? "" : "\(path): "
        Output.note("\(subject)\(failure.sentence)\(hint)")
    }
}

extension ClientFailure {
    fileprivate var endsEverything: Bool {
        switch self {
        case .interrupted, .unreachable: true
        case .lost, .refused, .unusable, .local, .inUse: false
        }
    }
}

extension CommandFailure.ExitCode {
    /// Of several files the one that needs most attention decides: what is refused stays refused.
    fileprivate var severity: Int {
        switch self {
        case .notYet: 1
        case .unavailable: 2
        case .refused: 3
        }
    }
}
