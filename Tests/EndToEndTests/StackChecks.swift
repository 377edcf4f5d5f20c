import AccessTokens
import Foundation
import ServiceBootstrap
import TestSupport
import Testing

/// An operator of a stack, who has consistency checked.
struct StackChecks: Sendable {
    static let path = "/api/v1/uploads/consistency-check"
    let stack: TestStack
    let token: String

    /// Gives the upload service the indexer's address, and a pause between the two looks that suits a test.
    ///
    /// - Parameter extra: more settings of the upload service.
    static func prepare(_ stack: TestStack, _ extra: [String: String] = [:]) async throws -> StackChecks {
        let token = newAccessToken(from: SystemRandom())
        for pool in [stack.uploadDatabase, stack.indexerDatabase] {
            let caller = Caller(tenant: "ops", principal: "root", roles: [.user, .superuser])
            try await TokenStore(pool).insert(token, for: caller)
        }
        let settings = try Self.settings(stack, token).merging(extra) { $1 }
        try await stack.restart(.uploadService, with: settings)
        return StackChecks(stack: stack, token: token)
    }

    static func settings(_ stack: TestStack, _ token: String) throws -> [String: String] {
        [
            "WAYBILL_INDEXER_URL": try stack.url(of: .indexerService), "WAYBILL_INDEXER_TOKEN": token,
            "WAYBILL_CHECK_RECHECK_MILLISECONDS": "300", "WAYBILL_CHECK_REQUESTS_PER_SECOND": "2000",
            "WAYBILL_CHECK_INDEX_LAG_SECONDS": "60",
            // A gap that the sweep has healed cannot be found any more.
            "WAYBILL_REPUBLISH_AFTER_SECONDS": "86400",
        ]
    }

    /// Runs one check to its end.
    func check(digests: String = "full") async throws -> HTTPAnswer {
        let begun = try await stack.send(
            "POST",
            .uploadService,
            "\(Self.path)?digests=\(digests)",
            token: token
        )
        guard begun.status == 202, let id = begun.string("id") else { return begun }
        var answer = begun
        try await eventually(within: .seconds(120), "the check has ended") {
            answer = try await stack.send("GET", .uploadService, "\(Self.path)/\(id)", token: token)
            return answer.string("state") != "RUNNING"
        }
        return answer
    }

    /// `kind subject` for each, and why.
    func findings(of check: HTTPAnswer) async throws -> [String: String] {
        let path = "\(Self.path)/\(check.string("id") ?? "")/findings"
        let accept = ["accept": "application/x-ndjson"]
        let text = try await stack.send("GET", .uploadService, path, fields: accept, token: token).text
        var found: [String: String] = [:]
        for line in text.split(separator: "\n") {
            let all = try JSONSerialization.jsonObject(with: Data(line.utf8)) as? [String: Any] ?? [:]
            let kind = all["kind"] as? String ?? "?"
            found["\(kind) \(all["subject"] as? String ?? "?")"] = all["detail"] as? String ?? ""
        }
        return found
    }
}
