import ArgumentParser
import Determinism
import FoundationEssentials
import NIOHTTP1

struct RepairCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "repair",
        abstract:
            "Plans what is to be done about a check's findings, shows, runs and undoes it. For superusers.",
        subcommands: [Plan.self, List.self, Show.self, Run.self, Undo.self]
    )

    struct Plan: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Makes a plan of a complete check and stores it. Changes nothing else."
        )

        enum Scope: String, ExpressibleByArgument, CaseIterable {
            case orphanedFiles = "orphaned-files"
            case orphanedRecords = "orphaned-records"
            case full
        }

        @OptionGroup var server: ServerOptions
        @Option(help: "orphaned-files, orphaned-records or full.") var scope: Scope = .full
        @Option(help: "A check's id; the newest complete one when absent.") var check: String?
        @Option(help: "KIND=ACTION, such as missing_object=remove; may be repeated.") var policy: [String] =
            []
        @Option(help: "Only this finding of --check, by its number; may be repeated.") var finding: [Int64] =
            []
        @Option(help: "What is to be done about every --finding, instead of its kind's first action.")
        var action: String?
        @Flag(help: "Instead of a check's findings: adopt what the survey of safe mode proposes.")
        var safeMode =
            false
        @Option(help: "Instead of findings: let this file out of quarantine; may be repeated.") var file:
            [String] = []
        @Option(help: "Why, for the audit trail.") var reason: String
        @Flag(help: "The plan as JSON.") var json = false

        func validate() throws {
            guard !safeMode || check == nil && policy.isEmpty && scope == .full else {
                throw ValidationError("--safe-mode goes with neither --check nor --scope nor --policy.")
            }
            guard finding.isEmpty || check != nil && !safeMode && policy.isEmpty && scope == .full else {
                throw ValidationError("--finding needs --check, and goes with neither --scope nor --policy.")
            }
            guard action == nil || !finding.isEmpty else {
                throw ValidationError("--action is for what --finding names; see --policy.")
            }
            guard
                file.isEmpty
                    || check == nil && !safeMode && policy.isEmpty && scope == .full && finding.isEmpty
            else { throw ValidationError("--file goes with --reason and --json only.") }
            _ = try chosen()
        }

        private func chosen() throws -> [String: String] {
            var chosen: [String: String] = [:]
            for pair in policy {
                let halves = pair.split(separator: "=", omittingEmptySubsequences: false)
                guard halves.count == 2 else { throw ValidationError("--policy is KIND=ACTION.") }
                chosen[String(halves[0])] = String(halves[1])
            }
            return chosen
        }

        private func asked(_ policy: [String: String]) throws(ClientFailure) -> APIRequest {
            if !file.isEmpty {
                let asked = ReleaseAsked(fileIDs: file, reason: reason)
                return try APIRequest(.POST, "/api/v1/repairs", document: asked)
            }
            if safeMode {
                return try APIRequest(.POST, "/api/v1/repairs", document: AdoptionAsked(reason: reason))
            }
            if let check, !finding.isEmpty {
                let picked = SelectionAsked(
                    checkID: check,
                    findingIDs: finding,
                    action: action,
                    reason: reason
                )
                return try APIRequest(.POST, "/api/v1/repairs", document: picked)
            }
            let cleanup = CleanupAsked(checkID: check, policy: policy.isEmpty ? nil : policy, reason: reason)
            return try APIRequest(.POST, "/api/v1/uploads/cleanup/\(scope.rawValue)", document: cleanup)
        }

        func run() async throws {
            let policy = try chosen()
            let plan = try await server.use { (api: APIClient) async throws(ClientFailure) -> RepairFacts in
                var request = try asked(policy)
                // Sent again without one it would make a second plan.
                request.idempotencyKey = UUID.version7(at: api.time.now, from: api.random).text
                return try await api.ask(request, for: RepairFacts.self)
            }
            if json { try Output.say(json: plan) } else { plan.show() }
        }
    }

    struct List: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "The newest plans, one line each.")

        @OptionGroup var server: ServerOptions
        @Option(help: "At most so many.") var limit = 20

        func validate() throws {
            guard (1...1_000).contains(limit) else { throw ValidationError("--limit is 1 to 1000.") }
        }

        func run() async throws {
            let page = try await server.use { (api: APIClient) async throws(ClientFailure) -> RepairPage in
                let query = [(name: "limit", value: String(limit))]
                return try await api.ask(
                    APIRequest(.GET, "/api/v1/repairs", query: query),
                    for: RepairPage.self
                )
            }
            page.repairs.forEach { Output.say($0.line) }
        }
    }

    struct Show: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Shows a plan, its hash, and what has become of its items."
        )

        @OptionGroup var server: ServerOptions
        @OptionGroup var repair: RepairArgument
        @Flag(help: "As JSON: the plan, then one line for each item.") var json = false

        func run() async throws {
            try await server.use { (api: APIClient) async throws(ClientFailure) in
                let plan = try await api.ask(APIRequest(.GET, repair.path), for: RepairFacts.self)
                if json { try? Output.say(json: plan) } else { plan.show() }
                var after: Int? = 0
                while let start = after {
                    let query = [(name: "after", value: String(start)), (name: "limit", value: "1000")]
                    let page = try await api.ask(
                        APIRequest(.GET, repair.path + "/items", query: query),
                        for: RepairItemPage.self
                    )
                    for item in page.items {
                        if json { try? Output.say(json: item) } else { Output.say(item.line) }
                    }
                    guard page.nextAfter.map({ $0 > start }) ?? true else {
                        throw .unusable("its list of items does not end")
                    }
                    after = page.nextAfter
                }
            }
        }
    }

    struct Run: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Runs a stored plan, or goes on with it.",
            discussion: "Ends with 0 when it ran; `waybill repair show` tells what became of each item."
        )

        @OptionGroup var server: ServerOptions
        @OptionGroup var repair: RepairArgument
        @Option(help: "The plan's hash; needed when it takes away much.") var confirm: String?
        @Flag(help: "The plan as JSON.") var json = false

        func run() async throws {
            let plan = try await server.use { (api: APIClient) async throws(ClientFailure) -> RepairFacts in
                let body = confirm.map { ["confirm": $0] } ?? [:]
                let request = try APIRequest(.POST, repair.path + "/run", document: body)
                return try await api.ask(request, for: RepairFacts.self)
            }
            if json { try Output.say(json: plan) } else { plan.show() }
        }
    }

    struct Undo: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Brings back what a plan took away, as far as that can be done."
        )

        @OptionGroup var server: ServerOptions
        @OptionGroup var repair: RepairArgument
        @Flag(help: "The plan as JSON.") var json = false

        func run() async throws {
            let plan = try await server.use { (api: APIClient) async throws(ClientFailure) -> RepairFacts in
                try await api.ask(APIRequest(.POST, repair.path + "/undo"), for: RepairFacts.self)
            }
            if json { try Output.say(json: plan) } else { plan.show() }
        }
    }
}

/// Which plan.
struct RepairArgument: ParsableArguments {
    @Argument(help: "The plan's id.") var id: String

    func validate() throws {
        guard UUID(uuidString: id) != nil, id.utf8.count == 36 else {
            throw ValidationError("The id of a plan is a UUID.")
        }
    }

    var path: String { "/api/v1/repairs/\(id)" }
}
