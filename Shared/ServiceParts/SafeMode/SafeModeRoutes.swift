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

/// `GET /api/v1/safe-mode`: where this service's database stands; `POST /api/v1/safe-mode/leave` `{"reason": "…"}`: an operator has
/// looked and takes it as it is.
public struct SafeModeRoutes: Sendable {
    public static let path = "api/v1/safe-mode"
    private static let bodyLimit = 1 << 16
    private static let reasonLimit = 1_000

    private let pool: PostgresPool

    public init(pool: PostgresPool) { self.pool = pool }

    /// - Parameter routes: guarded by authentication, and for superusers only.
    public func add(to routes: some RouterMethods<ServiceContext>) {
        routes.get { _, _ in Self.response(try await standing()) }
        routes.post("leave") { request, context in
            let caller = try context.requireCaller()
            let reason = try await Self.reason(in: request)
            try await leave(by: "\(caller.tenant)/\(caller.principal)", reason: reason)
            return Self.response(try await standing())
        }
    }

    /// Nothing happens when it is off.
    private func leave(by person: String, reason: String) async throws {
        let now = try await standing()
        guard now.isTakenIn else {
            throw Self.unavailable(
                "The database is being looked at. Nothing was changed; send the request again."
            )
        }
        guard let stay = now.stay else { return }
        let entry = AuditEntry(
            actor: person,
            action: "safe-mode.leave",
            subject: stay.isNow,
            reason: reason,
            before: Self.json(now),
            after: nil
        )
        do {
            _ = try await pool.withTransaction { (tx: borrowing Transaction) async throws -> Bool in
                guard try await SafeMode.leave(stay, by: person, reason: reason, in: tx) else { return false }
                try await AuditTrail.append(entry, in: tx)
                return true
            }
        } catch {
            throw Self.unavailable(
                "The database did not answer. Safe mode may have been left; look before you send the request again."
            )
        }
    }

    private func standing() async throws -> SafeMode.Standing {
        do { return try await SafeMode.standing(on: pool) } catch {
            throw Self.unavailable("The database did not answer. Send the request again.")
        }
    }

    private static func reason(in request: Request) async throws -> String {
        struct Body: Decodable { let reason: String }
        let bytes = try? await request.body.collect(upTo: bodyLimit)
        let body = bytes.flatMap { try? JSONDecoder().decode(Body.self, from: Data($0.readableBytesView)) }
        let reason = body?.reason ?? ""
        guard reason.contains(where: { !$0.isWhitespace }), reason.utf8.count <= reasonLimit,
            !reason.utf8.contains(0)
        else {
            throw Problem(
                status: 400,
                code: "INVALID_BODY",
                detail:
                    "The body must be JSON of the form {\"reason\": \"…\"}, at most \(reasonLimit) bytes. Nothing was changed."
            )
        }
        return reason
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
        var texts = [("known", standing.known), ("now", standing.now)]
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
