import Foundation

/// START HERE: the command line, then the rows one after the other, then the report.
@main
struct Main {
    static func main() async {
        signal(SIGPIPE, SIG_IGN)
        let arguments = CommandLine.arguments.dropFirst()
        do {
            if let task = HelperTask(arguments) {
                try await task.run()
                return
            }
            let options = try Options(arguments)
            let isDone = try await measure(options)
            exit(isDone ? 0 : 1)
        } catch {
            FileHandle.standardError.write(Data("\(error)\n\n\(Options.usage)\n".utf8))
            exit(2)
        }
    }

    /// - Returns: whether every row was measured. A row below its floor is news, not a failure.
    private static func measure(_ options: Options) async throws -> Bool {
        let wanted = options.rows.isEmpty ? allRows : allRows.filter { options.rows.contains($0.number) }
        let machine = Machine(scale: options.scale)
        let site = try await Site(options)
        let interruption = Interruption(of: site)
        defer { withExtendedLifetime(interruption) {} }
        let rounds = Rounds(count: options.rounds) { say($0) }
        var results: [RowResult] = []
        var failures: [(number: Int, reason: String)] = []
        for row in wanted {
            do { results.append(try await rounds.run(row, at: site)) } catch {
                failures.append((row.number, "\(error)"))
                say("   \(error)")
            }
            await site.endRow()
        }
        await site.close()
        let report = Report(rows: results, failures: failures, machine: machine)
        say("\n\(report.table)")
        if let file = options.json { try report.json().write(to: URL(fileURLWithPath: file)) }
        return failures.isEmpty
    }
}

/// Written at once, also into a pipe: whoever waits wants to see how far it is.
func say(_ line: String) { FileHandle.standardOutput.write(Data("\(line)\n".utf8)) }
