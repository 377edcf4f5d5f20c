/// What a request asks for.
enum Operation: String, CaseIterable, Sendable {
    case listBuckets
    case createBucket, headBucket, deleteBucket, getBucketLocation
    case listObjects, listObjectsV2, listObjectVersions, listMultipartUploads, deleteObjects, postForm
    case getVersioning, putVersioning
    case getCORS, putCORS, deleteCORS
    case getLifecycle, putLifecycle, deleteLifecycle
    case getPolicy, putPolicy, deletePolicy
    case getObjectLock
    case putObject, getObject, headObject, deleteObject, copyObject, getObjectAttributes
    case getTagging, putTagging, deleteTagging
    case getRetention, putRetention, getLegalHold, putLegalHold
    case createMultipartUpload, uploadPart, uploadPartCopy, listParts
    case completeMultipartUpload, abortMultipartUpload
    case preflight

    /// Takes objects away, now or by a rule it sets.
    var removes: Bool {
        switch self {
        case .deleteBucket, .deleteObjects, .deleteObject, .putLifecycle: true
        default: false
        }
    }

    var storesBytes: Bool { self == .putObject || self == .uploadPart }
}

extension Operation {
    /// S3's other sub-resources. Answered with 501, never mistaken for a plain GET or PUT.
    private static let unsupported: Set<String> = [
        "accelerate", "acl", "analytics", "encryption", "intelligent-tiering", "inventory", "logging",
        "metrics",
        "notification", "ownershipControls", "policyStatus", "publicAccessBlock", "replication",
        "requestPayment", "restore", "select", "torrent", "website",
    ]

    init(_ request: S3Request) throws(S3Error) {
        if request.method == "OPTIONS" {
            self = .preflight
            return
        }
        if let name = request.query.first(where: { Operation.unsupported.contains($0.name) })?.name {
            throw .notImplemented("The sub-resource \(name)")
        }
        let found: Operation? =
            if request.bucketName == nil {
                request.method == "GET" ? .listBuckets : nil
            } else if request.key == nil {
                Operation.ofBucket(request)
            } else {
                Operation.ofObject(request)
            }
        guard let found else { throw .methodNotAllowed }
        self = found
    }

    private static func ofBucket(_ request: S3Request) -> Operation? {
        func first(_ table: [(String, Operation)], otherwise: Operation?) -> Operation? {
            table.first { request.has($0.0) }?.1 ?? otherwise
        }
        switch request.method {
        case "HEAD": return .headBucket
        case "GET":
            let list: Operation = request.parameter("list-type") == "2" ? .listObjectsV2 : .listObjects
            return first(
                [
                    ("location", .getBucketLocation), ("versioning", .getVersioning),
                    ("versions", .listObjectVersions), ("uploads", .listMultipartUploads), ("cors", .getCORS),
                    ("lifecycle", .getLifecycle), ("policy", .getPolicy), ("object-lock", .getObjectLock),
                ],
                otherwise: list
            )
        case "PUT":
            return first(
                [
                    ("versioning", .putVersioning), ("cors", .putCORS), ("lifecycle", .putLifecycle),
                    ("policy", .putPolicy),
                ],
                otherwise: request.query.allSatisfy { $0.name == "x-id" } ? .createBucket : nil
            )
        case "DELETE":
            return first(
                [("cors", .deleteCORS), ("lifecycle", .deleteLifecycle), ("policy", .deletePolicy)],
                otherwise: .deleteBucket
            )
        case "POST": return request.has("delete") ? .deleteObjects : .postForm
        default: return nil
        }
    }

    private static func ofObject(_ request: S3Request) -> Operation? {
        let isCopy = request.header("x-amz-copy-source") != nil
        switch request.method {
        case "HEAD": return .headObject
        case "GET":
            if request.has("uploadId") { return .listParts }
            if request.has("tagging") { return .getTagging }
            if request.has("retention") { return .getRetention }
            if request.has("legal-hold") { return .getLegalHold }
            return request.has("attributes") ? .getObjectAttributes : .getObject
        case "PUT":
            if request.has("uploadId") { return isCopy ? .uploadPartCopy : .uploadPart }
            if request.has("tagging") { return .putTagging }
            if request.has("retention") { return .putRetention }
            if request.has("legal-hold") { return .putLegalHold }
            return isCopy ? .copyObject : .putObject
        case "DELETE":
            if request.has("uploadId") { return .abortMultipartUpload }
            return request.has("tagging") ? .deleteTagging : .deleteObject
        case "POST":
            if request.has("uploads") { return .createMultipartUpload }
            return request.has("uploadId") ? .completeMultipartUpload : nil
        default: return nil
        }
    }
}
