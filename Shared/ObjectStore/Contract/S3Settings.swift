/// Where a bucket is and how to talk to it. Says everything but the secrets when printed.
public struct S3Settings: Sendable {
    public enum Addressing: Sendable {
        /// `http://host/bucket/key`: MinIO, radosgw and every address that is not a domain.
        case path
        /// `https://bucket.host/key`.
        case virtualHost
    }

    /// `http` or `https`, a host, perhaps a port; nothing else.
    public var endpoint: String
    public var region: String
    public var bucket: String
    public var credentials: S3Credentials
    public var addressing: Addressing
    public var profile: StoreProfile
    public var timeouts: S3Timeouts
    public var retries: S3Retries
    public var presigning: S3Presigning
    /// Connections to the store at the same time; further calls wait up to `timeouts.connect` for one.
    public var connectionLimit: Int

    public init(
        endpoint: String,
        region: String = "us-east-1",
        bucket: String,
        credentials: S3Credentials,
        addressing: Addressing = .path,
        profile: StoreProfile = StoreProfile(),
        timeouts: S3Timeouts = S3Timeouts(),
        retries: S3Retries = S3Retries(),
        presigning: S3Presigning = S3Presigning(),
        connectionLimit: Int = 256
    ) {
        self.endpoint = endpoint
        self.region = region
        self.bucket = bucket
        self.credentials = credentials
        self.addressing = addressing
        self.profile = profile
        self.timeouts = timeouts
        self.retries = retries
        self.presigning = presigning
        self.connectionLimit = connectionLimit
    }
}

/// What presigned URLs are made with, where that is not what the service itself uses.
public struct S3Presigning: Sendable {
    /// A key that may put below the upload prefix and nothing else. Every URL shows its id, and stores have had holes
    /// that opened to whoever knew one. Nil: the service's own.
    public var credentials: S3Credentials?
    /// The store's address as clients reach it. Nil: the service's own.
    public var endpoint: String?

    public init(credentials: S3Credentials? = nil, endpoint: String? = nil) {
        self.credentials = credentials
        self.endpoint = endpoint
    }
}

public struct S3Timeouts: Sendable {
    /// Until a connection stands, a wait for a free one included.
    public var connect: Duration = .seconds(5)
    /// Without a byte moving while the store is awaited, inside a body in either direction.
    public var progress: Duration = .seconds(30)
    /// From the last byte of a request to the first of its answer. Completing a large upload takes minutes on AWS,
    /// which then sends white space, so this is not the whole call's limit.
    public var answer: Duration = .seconds(60)

    public init() {}
}

/// Standard retries: full jitter, doubling, capped. Only calls that may safely be sent again are.
public struct S3Retries: Sendable {
    /// The first attempt included.
    public var attemptLimit = 4
    /// A call that has lasted this long is not tried again: somebody waits for it. What a store that keeps silent costs
    /// is one attempt's time, not four.
    public var timeLimit: Duration = .seconds(20)
    public var base: Duration = .milliseconds(100)
    public var cap: Duration = .seconds(5)
    /// A store that asks for a longer wait than this is not waited for: the failure carries its `Retry-After`.
    public var retryAfterLimit: Duration = .seconds(10)

    public init() {}
}

/// An access key. Prints its id only.
public struct S3Credentials: Sendable, CustomStringConvertible, CustomReflectable {
    public let accessKeyID: String
    let secretAccessKey: String
    let sessionToken: String?

    public init(accessKeyID: String, secretAccessKey: String, sessionToken: String? = nil) {
        self.accessKeyID = accessKeyID
        self.secretAccessKey = secretAccessKey
        self.sessionToken = sessionToken
    }

    public var description: String { "S3Credentials(\(accessKeyID), <secret>)" }
    public var customMirror: Mirror { Mirror(self, children: ["accessKeyID": accessKeyID]) }
}
