import Digests
import Hummingbird

/// What a request asks for, as a digest: the same for a request that is sent again, another for any other.
///
/// Of a file it holds what is declared, not its bytes: they have not come yet when the key is looked up.
struct RequestFingerprint: Hashable, Sendable {
    let digest: Digest256

    /// - Parameter facts: whatever else than method, path and caller makes the request what it is, in a fixed order.
    init(_ request: Request, of owner: Owner, _ facts: [String?]) {
        self.init([request.method.rawValue, request.uri.path, owner.tenant, owner.name] + facts)
    }

    /// Each fact with its length before it, so that no two lists are the same text.
    init(_ facts: [String?]) {
        var hasher = SHA256Hasher()
        for fact in facts { hasher.update((fact.map { "\($0.utf8.count):\($0)" } ?? "-").utf8) }
        digest = hasher.finalize()
    }

    /// Of one part of the request.
    func ofPart(_ facts: [String?]) -> RequestFingerprint { RequestFingerprint([digest.hex] + facts) }
}
