import ArgumentParser
import Glibc

/// The `waybill` command: what an operator does by hand. START HERE.
@main
struct WaybillCLI: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "waybill",
        abstract:
            "What an operator does by hand: access tokens, the outbox, consumer offsets, parked records.",
        discussion: """
            Exit codes: 0 done, 1 refused, 64 wrong usage, 69 a database cannot be reached, 75 no answer yet.
            """,
        subcommands: [TokenCommand.self, OutboxCommand.self, OffsetsCommand.self, ParkedCommand.self]
    )

    static func main() async {
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
