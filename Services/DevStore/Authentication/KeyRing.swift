/// What the holder of a key pair may do.
struct Grant: Sendable {
    enum Scope: Sendable {
        case everything
        /// All but removing objects, versions and buckets.
        case noDelete
        /// Storing objects and parts under a key prefix, nothing else.
        case putOnly(prefix: [UInt8])
    }

    let accessKey: String
    let secret: String
    let scope: Scope

    func check(_ operation: Operation, key: ObjectKey?) throws(S3Error) {
        let isAllowed =
            switch scope {
            case .everything: true
            case .noDelete: !operation.removes
            case .putOnly(let prefix): operation.storesBytes && key?.hasPrefix(prefix) == true
            }
        guard isAllowed else { throw .accessDenied("The access key may not do this.") }
    }
}

/// The key pairs the store was started with.
struct KeyRing: Sendable {
    private let grants: [String: Grant]

    init(_ grants: [Grant]) {
        self.grants = Dictionary(grants.map { ($0.accessKey, $0) }) { first, _ in first }
    }

    func grant(_ accessKey: String) throws(S3Error) -> Grant {
        guard let grant = grants[accessKey] else {
            throw S3Error(403, "InvalidAccessKeyId", "The access key does not exist in our records.")
        }
        return grant
    }
}
