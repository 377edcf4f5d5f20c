internal import EventContracts

/// I1–I10 and I37: rows and bytes.
extension Evidence {
    func objectViolations(_ index: BucketIndex) -> [Violation] {
        var found: [Violation] = []
        for file in files where ["AVAILABLE", "DELETED", "QUARANTINED"].contains(file.state) {
            // What is in the trash must be restorable bit by bit (I43). What is quarantined may be anything but gone.
            let number = file.state == "DELETED" ? "I43" : "I1"
            guard let object = index.objects[file.objectKey] else {
                found.append(
                    Violation(number, file.objectKey, "\(file.state) row of \(file.id) has no object")
                )
                continue
            }
            let isOther = object.size != file.size || file.sha256.map { $0 != object.sha256 } == true
            if file.state != "QUARANTINED", isOther {
                found.append(
                    Violation(
                        number,
                        file.objectKey,
                        "row says \(file.size) \(file.sha256 ?? "nothing"), object is \(object.size) \(object.sha256)"
                    )
                )
            }
        }
        for object in objects where index.uploadOfKey[object.key] == nil && index.fileOfKey[object.key] == nil
        {
            found.append(Violation("I3", object.key, "object without a row"))
        }
        for upload in uploads where upload.isDoomed {
            found += leftovers(of: upload.objectKey, "I4", "\(upload.state) upload \(upload.id)", index)
        }
        for upload in uploads
        where upload.state == "COMPLETED" && remains.openUploads.contains(upload.objectKey) {
            found.append(
                Violation(
                    "I4",
                    upload.objectKey,
                    "COMPLETED upload \(upload.id) still has an open multipart upload"
                )
            )
        }
        for file in files where file.state == "PURGED" {
            found += leftovers(of: file.objectKey, "I5", "PURGED file \(file.id)", index)
        }
        return found
    }

    private func leftovers(
        of key: String,
        _ number: String,
        _ row: String,
        _ index: BucketIndex
    ) -> [Violation] {
        var left: [String] = []
        if index.objects[key] != nil { left.append("an object") }
        if remains.versions.contains(key) { left.append("a version or delete marker") }
        if remains.openUploads.contains(key) { left.append("an open multipart upload") }
        return left.isEmpty
            ? [] : [Violation(number, key, "\(row) still has \(left.joined(separator: ", "))")]
    }

    var rowViolations: [Violation] {
        var found: [Violation] = []
        for (key, rows) in Dictionary(grouping: uploads, by: \.objectKey) where rows.count > 1 {
            found.append(Violation("I8", key, "key of \(rows.count) uploads"))
        }
        for upload in uploads where ObjectKey(upload.objectKey)?.tenant != upload.tenant {
            found.append(Violation("I8", upload.objectKey, "not a key of tenant \(upload.tenant)"))
        }
        let keys = Dictionary(uploads.map { ($0.id, $0.objectKey) }) { first, _ in first }
        for file in files where keys[file.uploadID] != file.objectKey {
            found.append(Violation("I8", file.objectKey, "not the key of the file's upload \(file.uploadID)"))
        }
        let visible = Dictionary(grouping: files.filter(\.isVisible)) { [$0.tenant, $0.owner, $0.name] }
        for (name, rows) in visible where rows.count > 1 {
            found.append(Violation("I10", name.joined(separator: "/"), "name of \(rows.count) visible files"))
        }
        if !hasVisibleNameIndex {
            found.append(Violation("I10", "files", "no unique index on the visible names"))
        }
        return found
    }

    /// The store's own account of what we did to it.
    func removalViolations(_ index: BucketIndex) -> [Violation] {
        var found: [Violation] = []
        var writes: [String: Int] = [:]
        var struck: Set<String> = []
        for request in requests {
            guard let key = request.key else {
                if request.method == "POST", request.query["delete"] != nil, request.applied {
                    found.append(
                        Violation("I37", "bucket", "a batch delete, whose keys the log does not tell")
                    )
                }
                continue
            }
            if request.fault != nil { struck.insert(key) }
            guard request.applied else { continue }
            let isOfUpload = request.query["uploadId"] != nil
            switch request.method {
            case "DELETE":
                // A multipart upload that is not the row's own was opened and never used.
                let isStray = isOfUpload && request.query["uploadId"] != index.uploadOfKey[key]?.multipartID
                if !index.isDoomed(key), !isStray {
                    let row = index.fileOfKey[key]?.state ?? index.uploadOfKey[key]?.state ?? "no row"
                    found.append(Violation("I37", key, "DELETE of a key with \(row)"))
                }
            case "PUT" where !isOfUpload, "POST" where isOfUpload: writes[key, default: 0] += 1
            default: break
            }
        }
        // A write whose answer was lost may be sent again by its owner, with the same bytes.
        for (key, count) in writes where count > 1 && !struck.contains(key) {
            found.append(Violation("I6", key, "written \(count) times"))
        }
        return found
    }

    /// I2: no answer is untrue later.
    var promiseViolations: [Violation] {
        let rows = Dictionary(files.map { ($0.id, $0) }) { first, _ in first }
        return remembered.compactMap { file in
            guard let row = rows[file.id] else {
                return Violation("I2", file.id, "\(file.name) was acknowledged and has no row")
            }
            guard row.size == file.size, row.sha256 == nil || row.sha256 == file.sha256 else {
                return Violation("I2", file.id, "\(file.name) has other bytes than those acknowledged")
            }
            let allowed: Set<String> =
                switch file.fate {
                case .available: ["AVAILABLE"]
                case .deleted: ["DELETED", "PURGING", "PURGED"]
                case .purged: ["PURGED"]
                case .uncertain: ["AVAILABLE", "DELETED", "PURGING", "PURGED"]
                }
            return allowed.contains(row.state)
                ? nil : Violation("I2", file.id, "\(file.name) is to be \(file.fate), but is \(row.state)")
        }
    }
}
