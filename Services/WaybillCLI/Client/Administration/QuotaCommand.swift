import ArgumentParser
import NIOHTTP1
import ServiceBootstrap

struct QuotaCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "quota",
        abstract: "Shows and sets how much tenants may store. Needs a superuser's token.",
        subcommands: [List.self, Set.self, Remove.self, Recount.self]
    )

    struct List: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "ls",
            abstract: "Lists quotas and what tenants are charged for, one line each."
        )

        @OptionGroup var server: ServerOptions
        @Flag(help: "As one JSON array.") var json = false

        func run() async throws {
            let quotas = try await server.use { (api: APIClient) async throws(ClientFailure) in
                try await pages(api)
            }
            if json { try Output.say(json: quotas) } else { quotas.forEach { Output.say($0.line) } }
        }

        private func pages(_ api: APIClient) async throws(ClientFailure) -> [QuotaFacts] {
            var found: [QuotaFacts] = []
            var cursor: String?
            repeat {
                let query = cursor.map { [("cursor", $0)] } ?? []
                let page = try await api.ask(
                    APIRequest(.GET, "/api/v1/quotas", query: query),
                    for: QuotaPage.self
                )
                guard page.nextCursor == nil || page.nextCursor != cursor else {
                    throw .unusable("its list of quotas does not end")
                }
                found += page.quotas
                cursor = page.nextCursor
            } while cursor != nil
            return found
        }
    }

    struct Set: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Holds a tenant to a limit, and counts what it stores already."
        )

        @OptionGroup var server: ServerOptions
        @Argument var tenant: String
        @Argument(help: "In bytes, such as 500GiB. Below what is stored it only keeps more from coming.")
        var limit: String

        func validate() throws { _ = try byteLimit }

        func run() async throws {
            let limit = ["byte_limit": try byteLimit]
            try await server.show { (api: APIClient) async throws(ClientFailure) in
                try await api.ask(
                    APIRequest(.PUT, QuotaCommand.path(of: tenant), document: limit),
                    for: QuotaFacts.self
                )
            }
        }

        private var byteLimit: Int64 {
            get throws {
                var reader = SettingsReader(environment: ["the limit": limit])
                let count = reader.bytes("the limit", default: 0, in: 0...(1 << 62))
                do { try reader.finish() } catch { throw ValidationError("\(error)") }
                return count
            }
        }
    }

    struct Remove: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "rm",
            abstract: "Holds a tenant to no limit any more."
        )

        @OptionGroup var server: ServerOptions
        @Argument var tenant: String

        func run() async throws {
            _ = try await server.use { (api: APIClient) async throws(ClientFailure) in
                try await api.answer(
                    to: APIRequest(.DELETE, QuotaCommand.path(of: tenant)).prepared(for: api.server)
                )
            }
        }
    }

    struct Recount: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract:
                "Counts anew what a tenant is charged for, when the consistency check says that it is wrong."
        )

        @OptionGroup var server: ServerOptions
        @Argument var tenant: String

        func run() async throws {
            try await server.show { (api: APIClient) async throws(ClientFailure) in
                try await api.ask(
                    APIRequest(.POST, "\(QuotaCommand.path(of: tenant))/recount"),
                    for: QuotaFacts.self
                )
            }
        }
    }

    fileprivate static func path(of tenant: String) -> String { "/api/v1/quotas/\(percentEncoded(tenant))" }
}

extension ServerOptions {
    fileprivate func show(_ ask: (APIClient) async throws(ClientFailure) -> QuotaFacts) async throws {
        Output.say(try await use(ask).line)
    }
}

private struct QuotaFacts: Codable, Sendable {
    let tenant: String
    let byteLimit: Int64
    let usedBytes: Int64

    enum CodingKeys: String, CodingKey {
        case tenant
        case byteLimit = "byte_limit"
        case usedBytes = "used_bytes"
    }

    var line: String {
        plain("\(tenant) \(ProgressLine.amount(usedBytes)) of \(ProgressLine.amount(byteLimit))")
    }
}

private struct QuotaPage: Decodable, Sendable {
    let quotas: [QuotaFacts]
    let nextCursor: String?

    enum CodingKeys: String, CodingKey {
        case quotas
        case nextCursor = "next_cursor"
    }
}
