public import AsyncHTTPClient
public import Determinism
public import Logging
import NIOCore
import NIOHTTP1
import Synchronization

/// An S3 client for one bucket. Safe to use from any number of tasks.
public final class S3Store: ObjectStore {
    public let profile: StoreProfile
    let endpoint: Endpoint
    private let settings: S3Settings
    private let signer: RequestSigner
    private let presigner: Presigner
    private let exchange: Exchange
    private let time: any TimeSource
    private let random: any RandomSource
    private let logger: Logger
    private let ownsClient: Bool
    /// The store's clock less ours, learnt when it refused a request for that.
    private let clockOffset = Mutex<Duration>(.zero)

    /// - Parameter client: shared by several stores; without one the store makes its own, which `shutdown` closes.
    ///   It must be made from `httpConfiguration`, or redirects and connection retries would break signatures and
    ///   failure reports.
    public init(
        _ settings: S3Settings,
        client: HTTPClient? = nil,
        time: any TimeSource,
        random: any RandomSource,
        logger: Logger
    ) throws(StoreFailure) {
        endpoint = try Endpoint(settings)
        self.settings = settings
        profile = settings.profile
        signer = RequestSigner(credentials: settings.credentials, region: settings.region)
        presigner = try Presigner(settings)
        ownsClient = client == nil
        let client = client ?? HTTPClient(configuration: Self.httpConfiguration(settings))
        exchange = Exchange(client: client, timeouts: settings.timeouts, time: time)
        self.time = time
        self.random = random
        self.logger = logger
    }

    /// How a client shared by several stores must be configured.
    public static func httpConfiguration(_ settings: S3Settings) -> HTTPClient.Configuration {
        // No read timeout: the client would count a slow reader's time as the store's. `StallWatch` does not.
        var configuration = HTTPClient.Configuration(
            redirectConfiguration: .disallow,
            timeout: .init(connect: .microseconds(settings.timeouts.connect.wholeMicroseconds)),
            connectionPool: .init(
                idleTimeout: .seconds(20),
                concurrentHTTP1ConnectionsPerHostSoftLimit: settings.connectionLimit
            )
        )
        configuration.httpVersion = .http1Only
        // Each buffer of a download is a turn for every task on its way: let it grow beyond the client's 64 KiB. Not for
        // debugging, whatever its name says: there is no other place for a channel's options.
        configuration.http1_1ConnectionDebugInitializer = { channel in
            let buffers = AdaptiveRecvByteBufferAllocator(
                minimum: 1 << 10,
                initial: 16 << 10,
                maximum: 256 << 10
            )
            return channel.setOption(.recvAllocator, value: buffers)
        }
        // A refused connection is told at once; the retry plan decides what follows.
        configuration.connectionPool.retryConnectionEstablishment = false
        return configuration
    }

    /// Closes the connections. Must be called once, when no call is under way, before the last reference goes.
    public func shutdown() async {
        guard ownsClient else { return }
        do {
            try await exchange.client.shutdown()
        } catch {
            logger.warning(
                "closing the store's connections failed",
                metadata: ["reason": "\(type(of: error))"]
            )
        }
    }

    public func presign(_ request: PresignRequest, expiresIn: Duration) throws(StoreFailure) -> String {
        try presigner.url(request, expiresIn: expiresIn, at: storeNow)
    }

    /// Our clock, corrected by what the store told.
    private var storeNow: Timestamp { time.now.advanced(by: clockOffset.withLock { $0 }) }

    var bucket: String { settings.bucket }
    var region: String { settings.region }

    // MARK: Requests

    /// Sends, repeats where the plan says so, and returns a success with its whole body.
    func perform(_ request: S3Request) async throws(StoreFailure) -> Answer {
        switch try await attempts(request, keepsBody: false) {
        case .answer(let status, let headers, let body):
            return Answer(status: status, headers: headers, body: body)
        case .open, .failed: throw .unexpectedAnswer("an answer that is still open")
        }
    }

    /// As `perform`, but a success's body is still to be read.
    func open(_ request: S3Request) async throws(StoreFailure) -> HTTPClientResponse {
        guard case .open(let response) = try await attempts(request, keepsBody: true) else {
            throw .unexpectedAnswer("an answer without a body")
        }
        return response
    }

    func downloadBody(_ response: HTTPClientResponse, length: Int64) -> DownloadBody {
        let watch = StallWatch(time: time, timeouts: settings.timeouts)
        return DownloadBody(
            DownloadReader(response, length: length, watch: watch, timeouts: settings.timeouts)
        )
    }

    private func attempts(_ request: S3Request, keepsBody: Bool) async throws(StoreFailure)
        -> Exchange.Outcome
    {
        if let key = request.key { try validateKey(key) }
        try validateHeaders(request.headers)
        var plan = RetryPlan(
            effect: request.effect,
            isReplayable: request.isReplayable,
            limits: settings.retries
        )
        let began = time.uptime
        while true {
            let signed = SignedRequest(request, settings, endpoint, signer, at: SigningMoment(storeNow))
            let outcome = await exchange.run(signed.http, feed: signed.feed, keepsBody: keepsBody)
            guard let failure = failure(in: outcome, of: request) else { return outcome }
            if let theirs = failure.storeTime { correctClock(theirs) }
            switch plan.step(after: failure, elapsed: time.uptime - began, random: random) {
            case .fail(let failure): throw failure
            case .again(let pause):
                logger.debug("the store is asked again", metadata: ["reason": "\(failure.failure)"])
                do { try await time.sleep(for: pause) } catch { throw .cancelled }
            }
        }
    }

    private func failure(in outcome: Exchange.Outcome, of request: S3Request) -> AttemptFailure? {
        switch outcome {
        case .failed(let failure): failure
        case .open: nil
        case .answer(let status, let headers, let body):
            ErrorAnswer.failure(
                in: Answer(status: status, headers: headers, body: body),
                of: request,
                now: storeNow
            )
        }
    }

    private func correctClock(_ theirs: Timestamp) {
        let offset = theirs.duration(since: time.now)
        clockOffset.withLock { $0 = offset }
        logger.warning("the store's clock differs", metadata: ["seconds": "\(offset.components.seconds)"])
    }
}
