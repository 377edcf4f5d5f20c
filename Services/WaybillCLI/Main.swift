import ArgumentParser
import Glibc

/// The `waybill` command: what a user does with files, and what an operator does by hand. START HERE.
@main
struct WaybillCLI: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "waybill",
        abstract:
            "Stores and fetches files; and what an operator does: checks and repairs, quotas, safe mode, tokens, the audit trail, the outbox.",
        discussion: """
            Exit codes: 0 done, 1 refused, 64 wrong usage, 69 a server or a database cannot be reached, 75 try again.
            """,
        subcommands: [
            UploadCommand.self, ListCommand.self, GetCommand.self, RemoveCommand.self, RestoreCommand.self,
            StatusCommand.self, QuotaCommand.self, TokenCommand.self, OutboxCommand.self, OffsetsCommand.self,
            ParkedCommand.self, AuditCommand.self, RepublishCommand.self, CheckCommand.self,
            RepairCommand.self, SafeModeCommand.self,
        ]
    )

    static func main() async {
        // A server that hangs up must show as an error of the write, not end the process.
        signal(SIGPIPE, SIG_IGN)
        do {
            var command = try await asyncParseAsRoot()
            if var command = command as? any AsyncParsableCommand {
                try await command.run()
            } else {
                try command.run()
            }
        } catch let failure as CommandFailure {
            Output.complain(failure.sentence)
            Glibc.exit(failure.exitCode.rawValue)
        } catch {
            exit(withError: error)
        }
    }
}
