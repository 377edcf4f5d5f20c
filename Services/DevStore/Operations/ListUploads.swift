import Synchronization

extension Operations {
    func listMultipartUploads(_ call: Call) throws(S3Error) -> Answer {
        let bucket = try store.bucket(call.bucketName)
        let form = try ListingForm(call)
        let limit = try call.limit("max-uploads", upTo: 1000)
        let keyMarker = call.request.parameter("key-marker") ?? ""
        let idMarker = call.request.parameter("upload-id-marker") ?? ""
        let uploads = bucket.state.withLock { Array($0.uploads.values) }
        let page = UploadsPage(
            uploads,
            form.query,
            after: keyMarker.isEmpty ? nil : (ObjectKey(keyMarker), idMarker),
            limit: limit
        )
        var document = XMLDocument()
        document.root("ListMultipartUploadsResult") { root in
            root.element("Bucket", call.bucketName)
            root.element("Prefix", form.text(String(decoding: form.query.prefix, as: UTF8.self)))
            if !form.query.delimiter.isEmpty {
                root.element("Delimiter", form.text(String(decoding: form.query.delimiter, as: UTF8.self)))
            }
            root.element("KeyMarker", form.text(keyMarker))
            root.element("UploadIdMarker", idMarker)
            root.element("MaxUploads", limit)
            root.element("IsTruncated", page.isTruncated)
            if call.request.parameter("encoding-type") == "url" { root.element("EncodingType", "url") }
            if page.isTruncated {
                root.element("NextKeyMarker", form.text(page.last.key.text))
                root.element("NextUploadIdMarker", page.last.id)
            }
            for upload in page.uploads { root.upload(upload, form) }
            for prefix in page.prefixes {
                root.element("CommonPrefixes") {
                    $0.element("Prefix", form.text(String(decoding: prefix, as: UTF8.self)))
                }
            }
        }
        return .xml(document)
    }
}

/// Open uploads in the order of key, then of id.
private struct UploadsPage {
    var uploads: [Bucket.OpenUpload] = []
    var prefixes: [[UInt8]] = []
    var isTruncated = false
    var last = (key: ObjectKey(""), id: "")

    init(
        _ all: [Bucket.OpenUpload],
        _ query: ListingQuery,
        after marker: (key: ObjectKey, id: String)?,
        limit: Int
    ) {
        let sorted = all.filter { $0.key.hasPrefix(query.prefix) }
            .sorted { ($0.key, $0.record.id) < ($1.key, $1.record.id) }
        for upload in sorted {
            if let marker, !isAfter(upload, marker, query.delimiter) { continue }
            let common = commonPrefix(of: upload.key, query)
            if let common, prefixes.last == common { continue }
            guard uploads.count + prefixes.count < limit else {
                isTruncated = limit > 0
                return
            }
            if let common {
                prefixes.append(common)
                last = (ObjectKey(bytes: common), "")
            } else {
                uploads.append(upload)
                last = (upload.key, upload.record.id)
            }
        }
    }

    private func isAfter(
        _ upload: Bucket.OpenUpload,
        _ marker: (key: ObjectKey, id: String),
        _ delimiter: [UInt8]
    ) -> Bool {
        if upload.key == marker.key { return !marker.id.isEmpty && upload.record.id > marker.id }
        // A marker that ends with the delimiter was a common prefix: all its keys have been shown.
        let isPrefix = !delimiter.isEmpty && Array(marker.key.bytes.suffix(delimiter.count)) == delimiter
        return upload.key > marker.key && !(isPrefix && upload.key.hasPrefix(marker.key.bytes))
    }

    private func commonPrefix(of key: ObjectKey, _ query: ListingQuery) -> [UInt8]? {
        guard !query.delimiter.isEmpty else { return nil }
        return prefixThrough(query.delimiter, in: key.bytes, from: query.prefix.count)
    }
}

extension XMLDocument {
    fileprivate mutating func upload(_ upload: Bucket.OpenUpload, _ form: ListingForm) {
        element("Upload") { element in
            element.element("Key", form.text(upload.record.key))
            element.element("UploadId", upload.record.id)
            element.owner("Initiator")
            element.owner("Owner")
            element.element("StorageClass", "STANDARD")
            element.element("Initiated", Dates.extended(milliseconds: upload.record.startedMilliseconds))
            element.element("ChecksumAlgorithm", upload.record.checksumAlgorithm?.wireName)
            element.element("ChecksumType", upload.record.checksumType?.rawValue)
        }
    }
}
