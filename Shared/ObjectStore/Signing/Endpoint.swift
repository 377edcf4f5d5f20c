import FoundationEssentials

/// A validated endpoint: builds the address of each request, the same text for the wire and for the signature.
struct Endpoint: Sendable {
    let scheme: String
    /// The `Host` header: with the port unless it is the scheme's own.
    let authority: String
    /// Path before the key: empty, or the bucket's.
    private let bucketPath: String

    /// - Parameter address: in the place of the settings' endpoint, the bucket as others reach it.
    init(_ settings: S3Settings, at address: String? = nil) throws(StoreFailure) {
        guard let parsed = URLComponents(string: address ?? settings.endpoint),
            let scheme = parsed.scheme?.lowercased(), scheme == "http" || scheme == "https",
            let host = parsed.percentEncodedHost, !host.isEmpty
        else { throw Self.invalid("the endpoint must be http://host[:port] or https://host[:port]") }
        guard parsed.path.isEmpty || parsed.path == "/", parsed.query == nil, parsed.fragment == nil,
            parsed.user == nil, parsed.password == nil
        else { throw Self.invalid("the endpoint must not have a path, a query or credentials") }
        guard Self.isBucketName(settings.bucket) else { throw Self.invalid("the bucket's name is not valid") }

        let isDefault = parsed.port == nil || parsed.port == (scheme == "http" ? 80 : 443)
        let server = isDefault ? host : "\(host):\(parsed.port ?? 0)"
        self.scheme = scheme
        switch settings.addressing {
        case .path: (authority, bucketPath) = (server, "/\(settings.bucket)")
        case .virtualHost: (authority, bucketPath) = ("\(settings.bucket).\(server)", "")
        }
    }

    /// Encoded. Without a key, the bucket's own address.
    func path(of key: String?) -> String {
        guard let key else { return bucketPath.isEmpty ? "/" : bucketPath }
        var path = RequestText(capacity: bucketPath.utf8.count + key.utf8.count + 16)
        append(pathOf: key, to: &path)
        return path.string
    }

    func append(pathOf key: String, to text: inout RequestText) {
        text.append(bucketPath)
        text.append("/")
        text.append(encoded: key, keepingSlash: true)
    }

    func url(path: String, query: String) -> String {
        "\(scheme)://\(authority)\(path)\(query.isEmpty ? "" : "?")\(query)"
    }

    private static func invalid(_ message: String) -> StoreFailure {
        .refused(status: 0, code: "InvalidSettings", message: message)
    }

    /// Source: AWS, "Bucket naming rules"; underscores and capitals of older stores are not taken.
    private static func isBucketName(_ name: String) -> Bool {
        let isLetterOrDigit: (UInt8) -> Bool = {
            (UInt8(ascii: "a")...UInt8(ascii: "z")).contains($0)
                || (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0)
        }
        guard (3...63).contains(name.utf8.count), let first = name.utf8.first, let last = name.utf8.last
        else {
            return false
        }
        return isLetterOrDigit(first) && isLetterOrDigit(last) && !name.contains("..")
            && name.utf8.allSatisfy {
                isLetterOrDigit($0) || $0 == UInt8(ascii: "-") || $0 == UInt8(ascii: ".")
            }
    }
}
