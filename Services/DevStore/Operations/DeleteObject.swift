import HTTPTypes
import HummingbirdCore

extension Operations {
    func deleteObject(_ call: Call) throws(S3Error) -> Answer {
        let bucket = try store.bucket(call.bucketName)
        let deletion = try bucket.delete(
            call.key,
            versionID: call.versionID,
            bypassingGovernance: bypasses(call)
        )
        var answer = Answer(204)
        answer.set(.amzVersionID, deletion.versionID)
        if deletion.isDeleteMarker { answer.set(.amzDeleteMarker, "true") }
        return answer
    }

    /// Up to 1000 keys; each has its own result, and one refusal does not stop the others.
    func deleteObjects(_ call: Call, _ writer: borrowing ResponseWriter) async throws(S3Error) -> Answer {
        let bucket = try store.bucket(call.bucketName)
        let root = try XMLParser.parse(try await PayloadReader.collect(call, writer))
        let objects = root.all("Object")
        guard root.name == "Delete", (1...1000).contains(objects.count) else { throw .malformedXML }
        let isQuiet = root.value("Quiet") == "true"
        var document = XMLDocument()
        document.root("DeleteResult") { result in
            for object in objects {
                // Keys may begin or end with white space: the text is taken as it is.
                let key = object.child("Key")?.text ?? ""
                let versionID = object.value("VersionId").flatMap { $0.isEmpty ? nil : $0 }
                do throws(S3Error) {
                    guard !key.isEmpty else { throw .malformedXML }
                    let deletion = try bucket.delete(
                        ObjectKey(key),
                        versionID: versionID,
                        bypassingGovernance: bypasses(call)
                    )
                    if !isQuiet { result.deleted(key, versionID, deletion) }
                } catch {
                    result.refused(key, versionID, error)
                }
            }
        }
        return .xml(document)
    }

    private func bypasses(_ call: Call) -> Bool {
        call.request.header("x-amz-bypass-governance-retention")?.lowercased() == "true"
    }
}

extension XMLDocument {
    fileprivate mutating func deleted(_ key: String, _ versionID: String?, _ deletion: Deletion) {
        element("Deleted") { element in
            element.element("Key", key)
            element.element("VersionId", versionID)
            if deletion.isDeleteMarker {
                element.element("DeleteMarker", true)
                element.element("DeleteMarkerVersionId", deletion.versionID)
            }
        }
    }

    fileprivate mutating func refused(_ key: String, _ versionID: String?, _ error: S3Error) {
        element("Error") { element in
            element.element("Key", key)
            element.element("VersionId", versionID)
            element.element("Code", error.code)
            element.element("Message", error.message)
        }
    }
}
