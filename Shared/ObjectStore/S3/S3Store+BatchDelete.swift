import Digests
import NIOCore
import NIOHTTP1

extension S3Store {
    public func deleteBatch(_ objects: [ObjectIdentifier]) async throws(StoreFailure) -> [DeleteResult] {
        guard objects.count <= 1000 else {
            throw .refused(status: 0, code: "InvalidArgument", message: "a batch has at most 1000 objects")
        }
        for object in objects { try validateKey(object.key) }
        let batch = objects.filter { isWritableAsXML($0.key) }
        let answered = batch.isEmpty ? [:] : try await deleteTogether(batch)
        var results: [DeleteResult] = []
        for object in objects {
            if isWritableAsXML(object.key) {
                let failure =
                    answered[object] ?? StoreFailure.unexpectedAnswer("the answer leaves this key out")
                results.append(DeleteResult(object: object, failure: failure))
            } else {
                results.append(await deleteAlone(object))
            }
        }
        return results
    }

    /// XML 1.0 cannot express most control characters, not even as references.
    private func isWritableAsXML(_ key: String) -> Bool {
        key.unicodeScalars.allSatisfy { $0.value >= 0x20 && $0.value != 0xFFFE && $0.value != 0xFFFF }
    }

    private func deleteAlone(_ object: ObjectIdentifier) async -> DeleteResult {
        do {
            try await delete(object.key, versionID: object.versionID)
            return DeleteResult(object: object, failure: nil)
        } catch {
            return DeleteResult(object: object, failure: error)
        }
    }

    /// What the answer says of each object: no entry where it says nothing, nil where the object is gone.
    private func deleteTogether(
        _ objects: [ObjectIdentifier]
    ) async throws(StoreFailure) -> [ObjectIdentifier: StoreFailure?] {
        var body = XMLWriter(root: "Delete")
        for object in objects {
            body.element("Object") {
                $0.element("Key", object.key)
                if let versionID = object.versionID { $0.element("VersionId", versionID) }
            }
        }
        let text = body.finish()
        var request = S3Request(.POST, nil, effect: .idempotent)
        request.query = [("delete", "")]
        request.mayFailWith200 = true
        // Demanded by S3 for this call, and by older stores in just this form.
        request.headers = [
            ("content-md5", Digest128.of(text.utf8).base64), ("content-type", "application/xml"),
        ]
        request.payload = .bytes(ByteBuffer(string: text))
        let answer = try await perform(request)
        let root = try document(answer, root: "DeleteResult")
        var outcomes: [ObjectIdentifier: StoreFailure?] = [:]
        for entry in root.children {
            guard entry.name == "Deleted" || entry.name == "Error", let key = entry.text("Key") else {
                continue
            }
            let failure = entry.name == "Error" ? Self.failure(entry, of: answer) : nil
            outcomes.updateValue(
                failure,
                forKey: ObjectIdentifier(key: key, versionID: entry.text("VersionId"))
            )
        }
        return outcomes
    }

    private static func failure(_ entry: XMLElement, of answer: Answer) -> StoreFailure? {
        let failure = ErrorAnswer.failure(answer, code: entry.text("Code") ?? "", entry.text("Message"))
            .failure
        if case .notFound(let code) = failure, code != "NoSuchBucket" { return nil }
        return failure
    }
}
