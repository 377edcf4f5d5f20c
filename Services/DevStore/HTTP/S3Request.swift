import HTTPTypes

/// The head of a request, taken apart but not yet believed.
struct S3Request: Sendable {
    typealias Parameter = (name: String, value: String)

    let method: String
    /// Lower-case names, in the order they came.
    var headers: [Parameter]
    /// The path's bytes, decoded, as the client addressed it: with the bucket in path style.
    let path: [UInt8]
    let query: [Parameter]
    let bucketName: String?
    /// Nil when the request addresses a bucket or the service.
    let key: ObjectKey?

    init(_ head: HTTPRequest) throws(S3Error) {
        let target = head.path ?? "/"
        let pieces = target.split(separator: "?", maxSplits: 1, omittingEmptySubsequences: false)
        guard target.hasPrefix("/"), let path = pieces.first.flatMap({ PercentCoding.decode($0) }) else {
            throw S3Error(400, "InvalidURI", "The request's target could not be read.")
        }
        self.path = path
        method = head.method.rawValue
        query = try S3Request.parameters(pieces.count == 2 ? pieces[1] : "")
        headers = head.headerFields.map { ($0.name.canonicalName, $0.value) }
        if let host = head.authority { headers.append(("host", host)) }
        let (bucket, keyBytes) = S3Request.address(path, host: head.authority ?? "")
        bucketName = bucket
        key = try S3Request.key(keyBytes)
    }

    /// All values of a header joined by commas; nil when it is not there.
    func header(_ name: String) -> String? {
        let values = headers.filter { $0.name == name }.map(\.value)
        return values.isEmpty ? nil : values.joined(separator: ",")
    }

    /// The value of a query parameter; empty when it has none; nil when it is not there.
    func parameter(_ name: String) -> String? { query.first { $0.name == name }?.value }

    func has(_ name: String) -> Bool { query.contains { $0.name == name } }

    private static func parameters(_ text: Substring) throws(S3Error) -> [Parameter] {
        var parameters: [Parameter] = []
        for piece in text.split(separator: "&") {
            let sides = piece.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
            guard let name = PercentCoding.decode(sides[0], plusIsSpace: true),
                let value = PercentCoding.decode(sides.count == 2 ? sides[1] : "", plusIsSpace: true),
                let nameText = String(validating: name, as: UTF8.self),
                let valueText = String(validating: value, as: UTF8.self)
            else { throw S3Error(400, "InvalidURI", "The query string could not be read.") }
            parameters.append((nameText, valueText))
        }
        return parameters
    }

    /// `bucket.localhost:port` addresses the bucket by its host, anything else by the path's first segment.
    private static func address(_ path: [UInt8], host: String) -> (String?, ArraySlice<UInt8>) {
        let name = host.split(separator: ":").first.map(String.init) ?? ""
        if name.hasSuffix(".localhost") { return (String(name.dropLast(10)), path.dropFirst()) }
        let rest = path.dropFirst()
        guard !rest.isEmpty else { return (nil, []) }
        let bucket = rest.prefix { $0 != UInt8(ascii: "/") }
        return (String(decoding: bucket, as: UTF8.self), rest.dropFirst(bucket.count + 1))
    }

    private static func key(_ bytes: ArraySlice<UInt8>) throws(S3Error) -> ObjectKey? {
        guard !bytes.isEmpty else { return nil }
        guard bytes.count <= ObjectKey.byteLimit else {
            throw S3Error(400, "KeyTooLongError", "The key is longer than \(ObjectKey.byteLimit) bytes.")
        }
        guard String(validating: bytes, as: UTF8.self) != nil else {
            throw S3Error(400, "InvalidURI", "The key is not UTF-8.")
        }
        return ObjectKey(bytes: Array(bytes))
    }
}

extension HTTPField.Name {
    /// For names written in this program's source; a wrong one shows in the first test.
    static func named(_ name: String) -> HTTPField.Name { HTTPField.Name(name) ?? .server }

    static let amzVersionID = named("x-amz-version-id")
    static let amzDeleteMarker = named("x-amz-delete-marker")
    static let amzRequestID = named("x-amz-request-id")
}
