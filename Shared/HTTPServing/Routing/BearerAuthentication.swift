public import AccessTokens
import HTTPTypes
public import Hummingbird
import Logging

/// Lets only requests with a known bearer token pass (RFC 6750, header form only). Add it to the group of routes it guards.
public struct BearerAuthentication: RouterMiddleware {
    public typealias Context = ServiceContext
    private let authenticator: any CallerAuthenticator

    /// Longer tokens are refused without asking anybody.
    private static let tokenByteLimit = 4_096

    public init(_ authenticator: any CallerAuthenticator) { self.authenticator = authenticator }

    /// 401 without a valid token. When tokens cannot be looked up now the answer is 503: never a guess.
    public func handle(
        _ request: Request,
        context: ServiceContext,
        next: (Request, ServiceContext) async throws -> Response
    ) async throws -> Response {
        try await Self.authenticate(request, context) { token in
            try await find(token, context).map { ($0, ()) }
        }
        return try await next(request, context)
    }

    /// What the middleware does, for a route that looks something else up together with the token, and says itself what a
    /// failure of that means.
    ///
    /// - Parameter find: nil when the token is nobody's. Throws when that cannot be decided now.
    /// - Returns: what was found beside the caller, whom the context now knows.
    /// - Throws: 401 without a valid token; what `find` throws.
    public static func authenticate<Found>(
        _ request: Request,
        _ context: ServiceContext,
        find: (_ token: String) async throws -> (caller: Caller, found: Found)?
    ) async throws -> Found {
        guard let answer = try await find(token(request.headers)) else {
            throw Problem.unauthorized("The token is unknown or no longer valid.", error: "invalid_token")
        }
        context.exchange.caller = answer.caller
        return answer.found
    }

    private func find(_ token: String, _ context: ServiceContext) async throws -> Caller? {
        do {
            return try await authenticator.find(token)
        } catch let error as CancellationError {
            throw error
        } catch {
            context.logger.warning("tokens could not be looked up", metadata: ["error": "\(error)"])
            throw Problem(
                status: 503,
                code: "AUTHENTICATION_UNAVAILABLE",
                detail:
                    "Callers cannot be recognised at the moment. Nothing was done; send the request again.",
                isRetryable: true,
                retryAfterSeconds: 5
            )
        }
    }

    private static func token(_ fields: HTTPFields) throws(Problem) -> String {
        let values = fields[values: .authorization]
        guard let value = values.first else { throw .unauthorized("This path needs a bearer token.") }
        guard values.count == 1 else {
            throw .unauthorized("Send one Authorization field.", error: "invalid_request")
        }
        let space = UInt8(ascii: " ")
        let scheme = value.utf8.prefix { $0 != space }
        let token = value.utf8.dropFirst(scheme.count).drop { $0 == space }
        guard !token.isEmpty, Substring(scheme).lowercased() == "bearer" else {
            throw .unauthorized("This path needs a bearer token.")
        }
        guard (1...tokenByteLimit).contains(token.count), token.allSatisfy(isTokenByte) else {
            throw .unauthorized("The token is malformed.", error: "invalid_token")
        }
        return String(Substring(token))
    }

    /// `b64token` of RFC 6750, section 2.1.
    private static func isTokenByte(_ byte: UInt8) -> Bool {
        (0x30...0x39).contains(byte) || (0x41...0x5A).contains(byte) || (0x61...0x7A).contains(byte)
            || "-._~+/=".utf8.contains(byte)
    }
}
