import HTTPTypes
import HummingbirdCore

extension Operations {
    func listBuckets() -> Answer {
        var document = XMLDocument()
        document.root("ListAllMyBucketsResult") { root in
            root.owner("Owner")
            root.element("Buckets") { list in
                for name in store.bucketNames {
                    guard let bucket = try? store.bucket(name) else { continue }
                    list.element("Bucket") { element in
                        element.element("Name", name)
                        element.element(
                            "CreationDate",
                            Dates.extended(milliseconds: bucket.settings.createdMilliseconds)
                        )
                    }
                }
            }
        }
        return .xml(document)
    }

    func createBucket(_ call: Call, _ writer: borrowing ResponseWriter) async throws(S3Error) -> Answer {
        let body = try await PayloadReader.collect(call, writer)
        if !body.isEmpty, let location = try XMLParser.parse(body).value("LocationConstraint") {
            guard location == region || location.isEmpty else {
                throw S3Error(
                    400,
                    "IllegalLocationConstraintException",
                    "The store's region is \(region), not \(location)."
                )
            }
        }
        let hasLock = call.request.header("x-amz-bucket-object-lock-enabled")?.lowercased() == "true"
        guard try store.createBucket(call.bucketName, hasObjectLock: hasLock) else {
            throw S3Error(
                409,
                "BucketAlreadyOwnedByYou",
                "The bucket you tried to create already exists, and you own it."
            )
        }
        var answer = Answer()
        answer.set(.location, "/\(call.bucketName)")
        return answer
    }

    func headBucket(_ call: Call) throws(S3Error) -> Answer {
        _ = try store.bucket(call.bucketName)
        var answer = Answer()
        answer.set("x-amz-bucket-region", region)
        return answer
    }

    func deleteBucket(_ call: Call) throws(S3Error) -> Answer {
        try store.deleteBucket(call.bucketName)
        return Answer(204)
    }

    func bucketLocation(_ call: Call) throws(S3Error) -> Answer {
        _ = try store.bucket(call.bucketName)
        var document = XMLDocument()
        // The first region of S3 is told by an empty element.
        document.root("LocationConstraint") { $0.text(region == "us-east-1" ? "" : region) }
        return .xml(document)
    }

    func getVersioning(_ call: Call) throws(S3Error) -> Answer {
        let versioning = try store.bucket(call.bucketName).settings.versioning
        var document = XMLDocument()
        document.root("VersioningConfiguration") { root in
            if versioning != .off { root.element("Status", versioning.rawValue) }
        }
        return .xml(document)
    }

    func putVersioning(_ call: Call, _ writer: borrowing ResponseWriter) async throws(S3Error) -> Answer {
        let bucket = try store.bucket(call.bucketName)
        let root = try XMLParser.parse(try await PayloadReader.collect(call, writer))
        guard root.name == "VersioningConfiguration",
            let versioning = BucketSettings.Versioning(rawValue: root.value("Status") ?? ""),
            versioning != .off
        else { throw .malformedXML }
        try bucket.changeSettings { (settings) throws(S3Error) in
            guard !settings.hasObjectLock || versioning == .enabled else {
                throw S3Error(409, "InvalidBucketState", "Object lock needs versioning.")
            }
            settings.versioning = versioning
        }
        return Answer()
    }

    func getObjectLock(_ call: Call) throws(S3Error) -> Answer {
        guard try store.bucket(call.bucketName).settings.hasObjectLock else {
            throw S3Error(
                404,
                "ObjectLockConfigurationNotFoundError",
                "Object Lock configuration does not exist for this bucket"
            )
        }
        var document = XMLDocument()
        document.root("ObjectLockConfiguration") { $0.element("ObjectLockEnabled", "Enabled") }
        return .xml(document)
    }
}
