public import AccessTokens
public import Hummingbird
public import Logging

/// What a handler knows beside the request itself.
public struct ServiceContext: RequestContext {
    /// Made by the server for each request.
    public struct Source: RequestContextSource {
        public let exchange: Exchange
        public let logger: Logger
    }

    public var coreContext: CoreRequestContextStorage
    public let exchange: Exchange

    /// Bodies a handler decodes whole, such as JSON; files are streamed and not limited by this.
    public var maxUploadSize: Int { 1 << 20 }

    public init(source: Source) {
        coreContext = CoreRequestContextStorage(source: source)
        exchange = source.exchange
    }

    public var requestID: String { exchange.requestID }

    /// Runs what streams a body on the connection's own thread, which must not block, nor compute for long.
    public var connectionExecutor: (any TaskExecutor)? { exchange.executor }

    /// Who sent the request; nil on routes without authentication.
    public var caller: Caller? { exchange.caller }

    /// The caller, or 401.
    public func requireCaller() throws(Problem) -> Caller {
        guard let caller = exchange.caller else { throw .unauthorized("This path needs a bearer token.") }
        return caller
    }

    /// The caller if it has `role`, or 403.
    public func requireCaller(with role: Role) throws(Problem) -> Caller {
        let caller = try requireCaller()
        guard caller.roles.contains(role) else { throw .forbidden }
        return caller
    }
}
