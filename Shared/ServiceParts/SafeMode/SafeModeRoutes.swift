import AccessTokens
import AuditTrail
import Determinism
public import HTTPServing
import HTTPTypes
public import Hummingbird
import NIOCore
public import PostgresClient
import ServiceBootstrap

import struct FoundationEssentials.Data
import class FoundationEssentials.JSONDecoder

/// `GET /api/v1/safe-mode`: where this service's database stands; `POST /api/v1/safe-mode/leave` `{"reason": "…", "incarnation": "…"}`: an
/// operator has looked at it and takes it as it is.
public struct SafeModeRoutes: Sendable {
    public static let path = "api/v1/safe-mode"
    private static let bodyLimit = 1 << 16
    private static let reasonLimit = 1_000

    private let pool: PostgresPool
    private let obstacle: @Sendable (SafeMode.Stay) async throws -> String?

    /// - Parameter obstacle: why a stay should not end yet, and what to do about it; `force` passes over it.
    public init(
        pool: PostgresPool,
        obstacle: @escaping @Sendable (SafeMode.Stay) async throws -> String? = { _ in nil }
    ) {
        self.pool = pool
        self.obstacle = obstacle
    }

    /// - Parameter routes: guarded by authentication, and for superusers only.
    public func add(to routes: some RouterMethods<ServiceContext>) {
        routes.get { _, _ in Self.response(try await standing()) }
        routes.post("leave") { request, context in
            let caller = try context.requireCaller()
            let wish = try await Self.wish(in: request)
            try await leave(by: "\(caller.tenant)/\(caller.principal)", wish)
            return Self.response(try await standing())
        }
    }

    private struct Wish: Decodable {
        let reason: String
        /// What was looked at.
        let incarnation: String?
        let force: Bool?
    }

    /// Nothing happens when it is off.
    private func leave(by person: String, _ wish: Wish) async throws {
        let now = try await standing()
        guard now.isTakenIn else {
            throw Self.unavailable(
                "The database is being looked at. Nothing was changed; send the request again."
            )
        }
        guard let stay = now.stay else { return }
        guard wish.incarnation == now.incarnation else { throw Self.changed }
        if wish.force != true, let obstacle = try await obstacle(of: stay) {
            throw Problem(status: 409, code: "SAFE_MODE_UNSETTLED", detail: obstacle)
        }
        let entry = AuditEntry(
            actor: person,
            action: "safe-mode.leave",
            subject: stay.isNow,
            reason: wish.reason,
            before: Self.json(now),
            after: wish.force == true ? AuditEntry.object(["forced": "true"]) : nil
        )
        let hasLeft: Bool
        do {
            hasLeft = try await pool.withTransaction { (tx: borrowing Transaction) async throws -> Bool in
                guard try await SafeMode.leave(stay, by: person, reason: wish.reason, in: tx) else {
                    return false
                }
                try await AuditTrail.append(entry, in: tx)
                return true
            }
        } catch {
            throw Self.unavailable(
                "The database did not answer. Safe mode may have been left; look before you send the request again."
            )
        }
        guard hasLeft else { throw Self.changed }
    }

    private func obstacle(of stay: SafeMode.Stay) async throws -> String? {
        do { return try await obstacle(stay) } catch {
            throw Self.unavailable(
                "What speaks against it could not be looked at. Nothing was changed; send the request again."
            )
        }
    }

    private static let changed = Problem(
        status: 409,
        code: "SAFE_MODE_CHANGED",
        detail:
            "The request does not name the database as it is. Nothing was changed. Look at it again (GET /\(path)) and send the `incarnation` that it shows."
    )

    private func standing() async throws -> SafeMode.Standing {
        do { return try await SafeMode.standing(on: pool) } catch {
            throw Self.unavailable("The database did not answer. Send the request again.")
        }
    }

    private static func wish(in request: Request) async throws -> Wish {
        let bytes = try? await request.body.collect(upTo: bodyLimit)
        let wish = bytes.flatMap { try? JSONDecoder().decode(Wish.self, from: Data($0.readableBytesView)) }
        guard let wish, wish.reason.contains(where: { !$0.isWhitespace }),
            wish.reason.utf8.count <= reasonLimit, !wish.reason.utf8.contains(0)
        else {
            throw Problem(
                status: 400,
                code: "INVALID_BODY",
                detail:
                    "The body must be JSON of the form {\"reason\": \"…\", \"incarnation\": \"…\"}, the reason at most \(reasonLimit) bytes. Nothing was changed."
            )
        }
        return wish
    }

    private static func unavailable(_ detail: String) -> Problem {
        Problem(
            status: 503,
            code: "DATABASE_UNAVAILABLE",
            detail: detail,
            isRetryable: true,
            retryAfterSeconds: 5
        )
    }

    private static func response(_ standing: SafeMode.Standing) -> Response {
        Response(
            status: .ok,
            headers: [.contentType: "application/json", .cacheControl: "no-store"],
            body: ResponseBody(byteBuffer: ByteBuffer(string: json(standing)))
        )
    }

    static func json(_ standing: SafeMode.Standing) -> String {
        var json = Array("{\"safe_mode\":\(standing.isOn),\"epoch\":\(standing.epoch)".utf8)
        json += ",\"clock_watched\":\(standing.isClockWatched)".utf8
        var texts = [
            ("incarnation", standing.incarnation), ("known", standing.known), ("now", standing.now),
        ]
        if let stay = standing.stay {
            texts += [("entered_at", stay.enteredAt.rfc3339), ("was", stay.was), ("is", stay.isNow)]
            texts.append(("cause", stay.cause))
            if let at = stay.surveyedAt { texts.append(("surveyed_at", at.rfc3339)) }
        }
        for (name, value) in texts {
            json += ",\"\(name)\":".utf8
            JSONText.append(value, to: &json)
        }
        json += ",\"survey\":\(standing.stay?.survey ?? "null")}".utf8
        return String(decoding: json, as: UTF8.self)
    }
}
