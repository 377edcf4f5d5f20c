import FoundationEssentials
import Synchronization

extension Operations {
    func listObjectsV2(_ call: Call) throws(S3Error) -> Answer {
        let form = try ListingForm(call)
        var query = form.query
        if let token = call.request.parameter("continuation-token") {
            query.start = try ListingToken.decode(token)
        } else if let after = call.request.parameter("start-after"), !after.isEmpty {
            query.start = .after(Array(after.utf8))
        }
        let page = try page(call, query)
        var document = XMLDocument()
        document.root("ListBucketResult") { root in
            form.describe(call, page, in: &root)
            root.element("KeyCount", page.items.count)
            root.element("ContinuationToken", call.request.parameter("continuation-token"))
            root.element("StartAfter", call.request.parameter("start-after").map(form.text))
            if page.isTruncated {
                root.element("NextContinuationToken", page.items.last.map(ListingToken.encode))
            }
            root.contents(page, form, withOwner: call.request.parameter("fetch-owner") == "true")
        }
        return .xml(document)
    }

    func listObjects(_ call: Call) throws(S3Error) -> Answer {
        let form = try ListingForm(call)
        var query = form.query
        let marker = call.request.parameter("marker") ?? ""
        if !marker.isEmpty { query.start = form.start(after: marker) }
        let page = try page(call, query)
        var document = XMLDocument()
        document.root("ListBucketResult") { root in
            form.describe(call, page, in: &root)
            root.element("Marker", form.text(marker))
            if page.isTruncated, !query.delimiter.isEmpty {
                root.element("NextMarker", page.items.last.map { form.text($0.text) })
            }
            root.contents(page, form, withOwner: true)
        }
        return .xml(document)
    }

    func listObjectVersions(_ call: Call) throws(S3Error) -> Answer {
        let form = try ListingForm(call)
        var query = form.query
        query.includesVersions = true
        let marker = call.request.parameter("key-marker") ?? ""
        let versionMarker = call.request.parameter("version-id-marker") ?? ""
        guard versionMarker.isEmpty || !marker.isEmpty else {
            throw .invalidArgument("A version-id marker cannot be specified without a key marker.")
        }
        if !versionMarker.isEmpty {
            query.start = .afterVersion(ObjectKey(marker), id: versionMarker)
        } else if !marker.isEmpty {
            query.start = form.start(after: marker)
        }
        let page = try page(call, query)
        var document = XMLDocument()
        document.root("ListVersionsResult") { root in
            form.describe(call, page, in: &root)
            root.element("KeyMarker", form.text(marker))
            root.element("VersionIdMarker", versionMarker)
            if page.isTruncated, let last = page.items.last {
                root.element("NextKeyMarker", form.text(last.text))
                if case .version(_, let version, _) = last { root.element("NextVersionIdMarker", version.id) }
            }
            root.versions(page, form)
        }
        return .xml(document)
    }

    private func page(_ call: Call, _ query: ListingQuery) throws(S3Error) -> ListingPage {
        let bucket = try store.bucket(call.bucketName)
        return bucket.state.withLock { $0.index.page(query) }
    }
}

/// The parameters all listings share.
struct ListingForm: Sendable {
    let query: ListingQuery
    private let isURLEncoded: Bool

    init(_ call: Call) throws(S3Error) {
        var query = ListingQuery()
        query.prefix = Array((call.request.parameter("prefix") ?? "").utf8)
        query.delimiter = Array((call.request.parameter("delimiter") ?? "").utf8)
        query.limit = try call.limit("max-keys", upTo: 1000)
        self.query = query
        let encoding = call.request.parameter("encoding-type") ?? ""
        guard encoding.isEmpty || encoding == "url" else {
            throw .invalidArgument("Invalid Encoding Method specified in Request")
        }
        isURLEncoded = encoding == "url"
    }

    /// A key as the client asked to have it.
    func text(_ key: String) -> String {
        isURLEncoded ? PercentCoding.encode(key.utf8, keepingSlash: true) : key
    }

    /// A marker that is itself a common prefix stands for all its keys.
    func start(after marker: String) -> ListingQuery.Start {
        let bytes = Array(marker.utf8)
        let isPrefix =
            !query.delimiter.isEmpty && bytes.count > query.prefix.count
            && bytes.starts(with: query.prefix)
            && Array(bytes.suffix(query.delimiter.count)) == query.delimiter
        return isPrefix ? .afterPrefix(bytes) : .after(bytes)
    }

    func describe(_ call: Call, _ page: ListingPage, in root: inout XMLDocument) {
        root.element("Name", call.bucketName)
        root.element("Prefix", text(String(decoding: query.prefix, as: UTF8.self)))
        if !query.delimiter.isEmpty {
            root.element("Delimiter", text(String(decoding: query.delimiter, as: UTF8.self)))
        }
        root.element("MaxKeys", query.limit)
        root.element("IsTruncated", page.isTruncated)
        if isURLEncoded { root.element("EncodingType", "url") }
    }
}

/// Continuation tokens: the last thing a page showed, in base64.
enum ListingToken {
    static func encode(_ item: ListingPage.Item) -> String {
        let bytes: [UInt8] =
            switch item {
            case .version(let key, _, _): [UInt8(ascii: "k")] + key.bytes
            case .prefix(let prefix): [UInt8(ascii: "p")] + prefix
            }
        return Data(bytes).base64EncodedString()
    }

    static func decode(_ token: String) throws(S3Error) -> ListingQuery.Start {
        let bytes = Data(base64Encoded: token).map { Array($0) } ?? []
        switch bytes.first {
        case UInt8(ascii: "k"): return .after(Array(bytes.dropFirst()))
        case UInt8(ascii: "p"): return .afterPrefix(Array(bytes.dropFirst()))
        default: throw .invalidArgument("The continuation token provided is incorrect")
        }
    }
}

extension ListingPage.Item {
    var text: String {
        switch self {
        case .version(let key, _, _): key.text
        case .prefix(let bytes): String(decoding: bytes, as: UTF8.self)
        }
    }
}

extension XMLDocument {
    fileprivate mutating func contents(_ page: ListingPage, _ form: ListingForm, withOwner: Bool) {
        for case .version(let key, let version, _) in page.items {
            element("Contents") { element in
                element.element("Key", form.text(key.text))
                element.facts(version)
                if withOwner { element.owner("Owner") }
            }
        }
        commonPrefixes(page, form)
    }

    fileprivate mutating func versions(_ page: ListingPage, _ form: ListingForm) {
        for case .version(let key, let version, let isLatest) in page.items {
            element(version.isDeleteMarker ? "DeleteMarker" : "Version") { element in
                element.element("Key", form.text(key.text))
                element.element("VersionId", version.id)
                element.element("IsLatest", isLatest)
                if version.isDeleteMarker {
                    element.element(
                        "LastModified",
                        Dates.extended(milliseconds: version.modifiedMilliseconds)
                    )
                } else {
                    element.facts(version)
                }
                element.owner("Owner")
            }
        }
        commonPrefixes(page, form)
    }

    private mutating func facts(_ version: Version) {
        element("LastModified", Dates.extended(milliseconds: version.modifiedMilliseconds))
        element("ETag", version.etag.quoted)
        element("Size", version.size)
        element("StorageClass", "STANDARD")
    }

    private mutating func commonPrefixes(_ page: ListingPage, _ form: ListingForm) {
        for case .prefix(let bytes) in page.items {
            element("CommonPrefixes") {
                $0.element("Prefix", form.text(String(decoding: bytes, as: UTF8.self)))
            }
        }
    }

    /// There is one owner: whoever started the store.
    mutating func owner(_ name: String) {
        element(name) { element in
            element.element("ID", "development")
            element.element("DisplayName", "development")
        }
    }
}
