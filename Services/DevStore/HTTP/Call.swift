import Determinism
import HummingbirdCore

/// A request that was understood and whose caller is known.
struct Call: Sendable {
    let request: S3Request
    let operation: Operation
    let caller: Caller
    let body: RequestBody

    var expectsContinue: Bool { request.header("expect")?.lowercased() == "100-continue" }

    /// Only operations on a bucket ask for it; `Operation` has seen that there is one.
    var bucketName: String { request.bucketName ?? "" }
    var key: ObjectKey { request.key ?? ObjectKey("") }
    var versionID: String? { request.parameter("versionId") }

    /// A number in a parameter, within bounds; a larger one is cut to the bound as S3 does.
    func limit(_ name: String, upTo bound: Int) throws(S3Error) -> Int {
        guard let text = request.parameter(name), !text.isEmpty else { return bound }
        guard let value = Int(text), value >= 0 else { throw .invalidArgument("\(name) is not valid.") }
        return min(value, bound)
    }
}
