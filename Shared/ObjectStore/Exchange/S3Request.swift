import NIOCore
import NIOHTTP1

/// A request before it is signed. Header names are lower case.
struct S3Request {
    enum Effect {
        case readOnly
        /// Sent twice it does what it does once.
        case idempotent
        /// Sent twice it does something else, or answers something else.
        case once
    }

    enum Payload {
        case none
        case bytes(ByteBuffer)
        case stream(ByteStream)
    }

    var method: HTTPMethod
    /// Nil addresses the bucket.
    var key: String?
    var query: [(name: String, value: String)] = []
    var headers: [(name: String, value: String)] = []
    var payload = Payload.none
    /// Follows a streamed payload, whatever the profile would let follow.
    var trailer: StoreProfile.TrailingChecksum?
    /// No checksum follows a streamed body, whatever the profile has.
    var hasNoTrailer = false
    var effect: Effect
    /// The store may answer 200 and say in the body that it failed.
    var mayFailWith200 = false

    init(_ method: HTTPMethod, _ key: String?, effect: Effect) {
        self.method = method
        self.key = key
        self.effect = effect
    }

    var isReplayable: Bool {
        if case .stream = payload { return false }
        return true
    }
}

/// What came back, the body wholly read.
struct Answer {
    let status: Int
    let headers: HTTPHeaders
    let body: ByteBuffer

    func header(_ name: String) -> String? { headers.first(name: name) }
}
