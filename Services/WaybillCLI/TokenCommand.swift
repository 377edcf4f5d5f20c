import AccessTokens
import ArgumentParser
import Determinism
import PostgresClient
import ServiceBootstrap

struct TokenCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "token",
        abstract: "Makes and revokes access tokens.",
        subcommands: [Create.self, Revoke.self]
    )

    struct Create: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Makes an access token and stores its digest in every database named.",
            discussion: "Prints the token, once, and nothing else. It cannot be shown again."
        )

        @OptionGroup var databases: DatabaseList
        @Option(help: "Lower-case letters, digits and hyphens, at most 63.") var tenant: String
        @Option(help: "Who the token speaks for; owns what is uploaded with it.") var principal: String
        @Option(help: "Comma-separated: user, superuser.") var roles = "user"
        @OptionGroup var why: ReasonOption

        func validate() throws { _ = try caller }

        func run() async throws {
            let token = newAccessToken(from: SystemRandom())
            try await TokenIssue(token: token, databases: try databases.databases, reason: why.reason)
                .create(for: try caller)
            Output.say(token)
        }

        private var caller: Caller {
            get throws {
                guard (1...63).contains(tenant.utf8.count), tenant.utf8.allSatisfy(Self.isTenantCharacter)
                else {
                    throw ValidationError("A tenant is 1 to 63 lower-case letters, digits and hyphens.")
                }
                guard (1...255).contains(principal.utf8.count) else {
                    throw ValidationError("A principal is 1 to 255 bytes of text.")
                }
                let names = roles.split(separator: ",")
                let known = names.compactMap { Role(rawValue: String($0)) }
                guard !names.isEmpty, known.count == names.count else {
                    let roles = Role.allCases.map(\.rawValue).joined(separator: ", ")
                    throw ValidationError("Roles are a comma-separated list of: \(roles).")
                }
                let caller = Caller(tenant: tenant, principal: principal, roles: Set(known))
                guard !caller.isCanary else {
                    throw ValidationError(
                        "Nobody may speak for the tenant \(tenant): its files are in no view."
                    )
                }
                return caller
            }
        }

        private static func isTenantCharacter(_ byte: UInt8) -> Bool {
            switch byte {
            case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "0")...UInt8(ascii: "9"),
                UInt8(ascii: "-"):
                true
            default: false
            }
        }
    }

    struct Revoke: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "Revokes a token in every database named.")

        @OptionGroup var databases: DatabaseList
        @OptionGroup var why: ReasonOption
        @Argument(help: "The token, or - to read it from standard input.") var token: String

        func run() async throws {
            let text = token == "-" ? readLine() ?? "" : token
            let issue = TokenIssue(token: text, databases: try databases.databases, reason: why.reason)
            Output.say(try await issue.revoke())
        }
    }
}
