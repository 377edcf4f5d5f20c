import Determinism
import HTTPTypes
import HummingbirdCore

/// Tags, retention and legal hold: said about a version after it was stored.
extension Operations {
    func getTagging(_ call: Call) throws(S3Error) -> Answer {
        let tags = try open(call).record.tags
        var document = XMLDocument()
        document.root("Tagging") { root in
            root.element("TagSet") { set in
                for tag in tags {
                    set.element("Tag") { element in
                        element.element("Key", tag.key)
                        element.element("Value", tag.value)
                    }
                }
            }
        }
        return .xml(document)
    }

    func putTagging(_ call: Call, _ writer: borrowing ResponseWriter) async throws(S3Error) -> Answer {
        let bucket = try store.bucket(call.bucketName)
        let root = try XMLParser.parse(try await PayloadReader.collect(call, writer))
        guard root.name == "Tagging", let set = root.child("TagSet") else { throw .malformedXML }
        var tags: [Tag] = []
        for element in set.all("Tag") {
            guard let key = element.child("Key")?.text, let value = element.child("Value")?.text else {
                throw .malformedXML
            }
            tags.append(Tag(key: key, value: value))
        }
        try checkTags(tags)
        let given = tags
        _ = try bucket.amend(call.key, versionID: call.versionID) { (record) throws(S3Error) in
            record.tags = given
        }
        return Answer()
    }

    func deleteTagging(_ call: Call) throws(S3Error) -> Answer {
        let bucket = try store.bucket(call.bucketName)
        _ = try bucket.amend(call.key, versionID: call.versionID) { (record) throws(S3Error) in
            record.tags = []
        }
        return Answer(204)
    }

    func getRetention(_ call: Call) throws(S3Error) -> Answer {
        guard let retention = try open(call).record.retention else { throw Self.noLock }
        var document = XMLDocument()
        document.root("Retention") { root in
            root.element("Mode", retention.mode.rawValue)
            root.element("RetainUntilDate", Dates.extended(milliseconds: retention.untilMilliseconds))
        }
        return .xml(document)
    }

    func putRetention(_ call: Call, _ writer: borrowing ResponseWriter) async throws(S3Error) -> Answer {
        let bucket = try store.bucket(call.bucketName)
        guard bucket.settings.hasObjectLock else { throw Self.noLockOnBucket }
        let root = try XMLParser.parse(try await PayloadReader.collect(call, writer))
        guard root.name == "Retention", let mode = Retention.Mode(rawValue: root.value("Mode") ?? ""),
            let until = root.value("RetainUntilDate").flatMap(Dates.parseExtended)
        else { throw .malformedXML }
        let wanted = Retention(mode: mode, untilMilliseconds: until.millisecondsSinceEpoch)
        let bypasses = call.request.header("x-amz-bypass-governance-retention")?.lowercased() == "true"
        let now = store.place.nowMilliseconds
        _ = try bucket.amend(call.key, versionID: call.versionID) { (record) throws(S3Error) in
            if let present = record.retention, present.untilMilliseconds > now {
                let isShorter =
                    wanted.untilMilliseconds < present.untilMilliseconds || wanted.mode != present.mode
                guard !isShorter || (present.mode == .governance && bypasses) else { throw .accessDenied() }
            }
            record.retention = wanted
        }
        return Answer()
    }

    func getLegalHold(_ call: Call) throws(S3Error) -> Answer {
        let hasHold = try open(call).record.hasLegalHold
        var document = XMLDocument()
        document.root("LegalHold") { $0.element("Status", hasHold ? "ON" : "OFF") }
        return .xml(document)
    }

    func putLegalHold(_ call: Call, _ writer: borrowing ResponseWriter) async throws(S3Error) -> Answer {
        let bucket = try store.bucket(call.bucketName)
        guard bucket.settings.hasObjectLock else { throw Self.noLockOnBucket }
        let root = try XMLParser.parse(try await PayloadReader.collect(call, writer))
        guard root.name == "LegalHold", let status = root.value("Status"), status == "ON" || status == "OFF"
        else { throw .malformedXML }
        _ = try bucket.amend(call.key, versionID: call.versionID) { (record) throws(S3Error) in
            record.hasLegalHold = status == "ON"
        }
        return Answer()
    }

    private static let noLock = S3Error(
        404,
        "NoSuchObjectLockConfiguration",
        "The specified object does not have a ObjectLock configuration"
    )
    private static let noLockOnBucket = S3Error.invalidRequest(
        "Bucket is missing Object Lock Configuration"
    )
}
