import Determinism

import struct FoundationEssentials.UUID

/// Why an event may not be written. Nothing was appended.
public enum EventRefusal: Error, Equatable, Sendable, CustomStringConvertible {
    /// A field is outside its bounds; `problem` finishes the sentence that `field` begins.
    case invalidField(String, problem: String)
    case payloadTooLarge(byteCount: Int)
    case notEncodable(String)

    public var description: String {
        switch self {
        case .invalidField(let field, let problem): "\(field) \(problem)"
        case .payloadTooLarge(let count):
            "the payload has \(count) bytes, the limit is \(EventLimits.payloadBytes)"
        case .notEncodable(let reason): "the payload cannot be written as JSON: \(reason)"
        }
    }
}

extension FileEvent {
    /// The bounds of every field: kept by the writer before an event is appended, by the reader before it is applied.
    func check() throws(EventRefusal) {
        try Check.range("version", version, 1...Int64.max)
        guard ObjectKey.isTenant(tenant) else {
            throw .invalidField("tenant", problem: "must be 1 to 63 of a-z, 0-9 and -")
        }
        try Check.text("owner", owner, byteLimit: EventLimits.ownerBytes)
        try Check.time("occurred_at", occurredAt)
        try checkDetail()
    }

    private func checkDetail() throws(EventRefusal) {
        switch detail {
        case .stored(let file), .restored(let file): try check(file)
        case .deleted(let file):
            try Check.text("name", file.name, byteLimit: EventLimits.nameBytes)
            try Check.time("delete_after", file.deleteAfter)
        case .purging(let file):
            try Check.objectKey(file.objectKey, tenant: tenant)
            try Check.s3UploadID(file.s3UploadID)
        case .purged: break
        case .quarantined(let file):
            try Check.text("name", file.name, byteLimit: EventLimits.nameBytes)
            try Check.reason(file.reason)
        case .uploadDiscarded(let upload):
            try Check.range("version", FileVersion.number(of: version), 1...1)
            try Check.objectKey(upload.objectKey, tenant: tenant)
            try Check.s3UploadID(upload.s3UploadID)
            try Check.reason(upload.reason)
        case .indexed(let file):
            try Check.digest("sha256", file.sha256)
            try Check.range("indexed_bytes", file.indexedBytes, 0...Int64.max)
            try Check.word("text_kind", file.textKind, byteLimit: EventLimits.textKindBytes)
        case .rejected(let file): try check(file)
        case .bytesRemoved(let bytes):
            try Check.objectKey(bytes.objectKey, tenant: tenant)
            try Check.range("versions_removed", bytes.versionsRemoved, 0...Int64.max)
        case .removalStalled(let removal):
            try Check.objectKey(removal.objectKey, tenant: tenant)
            try Check.reason(removal.reason)
            try Check.range("attempts", removal.attempts, 1...Int64.max)
        case .uploadBytesRemoved(let upload): try Check.objectKey(upload.objectKey, tenant: tenant)
        case .objectQuarantined, .objectUnquarantined, .multipartLeaked, .objectTrashed, .objectRestored,
            .objectKept, .multipartAborted:
            try checkRepair()
        }
    }

    /// Orders of a repair and their answers.
    private func checkRepair() throws(EventRefusal) {
        switch detail {
        case .objectQuarantined(let object):
            try Check.trashKey(object.trashKey, object.planID, object.objectKey, tenant: tenant)
            try Check.range("size", object.size, 0...Int64.max)
            try Check.text("etag", object.etag, byteLimit: EventLimits.etagBytes)
            try Check.reason(object.reason)
        case .objectUnquarantined(let object):
            try Check.trashKey(object.trashKey, object.planID, object.objectKey, tenant: tenant)
            try Check.range("size", object.size, 0...Int64.max)
            try Check.reason(object.reason)
        case .objectTrashed(let object):
            try Check.trashKey(object.trashKey, object.planID, object.objectKey, tenant: tenant)
            try Check.range("size", object.size, 0...Int64.max)
        case .objectRestored(let object):
            try Check.objectKey(object.objectKey, tenant: tenant)
            try Check.range("size", object.size, 0...Int64.max)
        case .objectKept(let object):
            try Check.objectKey(object.objectKey, tenant: tenant)
            try Check.reason(object.reason)
        case .multipartLeaked(let upload), .multipartAborted(let upload):
            try Check.objectKey(upload.objectKey, tenant: tenant)
            try Check.s3UploadID(upload.s3UploadID)
        case .stored, .deleted, .restored, .purging, .purged, .quarantined, .uploadDiscarded, .indexed,
            .rejected,
            .bytesRemoved, .removalStalled, .uploadBytesRemoved:
            break
        }
    }

    private func check(_ file: StoredFile) throws(EventRefusal) {
        try Check.text("name", file.name, byteLimit: EventLimits.nameBytes)
        try Check.text("content_type", file.contentType, byteLimit: EventLimits.contentTypeBytes)
        try Check.range("size", file.size, 0...Int64.max)
        try Check.optionalDigest("sha256", file.sha256)
        try Check.objectKey(file.objectKey, tenant: tenant)
        try Check.text("etag", file.etag, byteLimit: EventLimits.etagBytes, mayBeEmpty: true)
    }

    private func check(_ file: RejectedFile) throws(EventRefusal) {
        try Check.range("expected_size", file.expectedSize, 0...Int64.max)
        try Check.optionalDigest("expected_sha256", file.expectedSHA256)
        if let size = file.actualSize { try Check.range("actual_size", size, 0...Int64.max) }
        try Check.optionalDigest("actual_sha256", file.actualSHA256)
    }
}

private enum Check {
    static func text(
        _ field: String,
        _ value: String,
        byteLimit: Int,
        mayBeEmpty: Bool = false
    ) throws(EventRefusal) {
        guard mayBeEmpty || !value.isEmpty else { throw .invalidField(field, problem: "is empty") }
        guard value.utf8.count <= byteLimit else {
            throw .invalidField(field, problem: "has \(value.utf8.count) bytes, the limit is \(byteLimit)")
        }
        // PostgreSQL stores no NUL: let through here, it would fail at every later attempt to apply the event.
        guard !value.utf8.contains(0) else { throw .invalidField(field, problem: "contains NUL") }
    }

    static func reason(_ value: String) throws(EventRefusal) {
        try text("reason", value, byteLimit: EventLimits.reasonBytes)
    }

    static func s3UploadID(_ value: String?) throws(EventRefusal) {
        guard let value else { return }
        try text("s3_upload_id", value, byteLimit: EventLimits.s3UploadIDBytes)
    }

    static func word(_ field: String, _ value: String, byteLimit: Int) throws(EventRefusal) {
        try text(field, value, byteLimit: byteLimit)
        guard value.utf8.allSatisfy({ (0x61...0x7A).contains($0) || $0 == 0x5F }) else {
            throw .invalidField(field, problem: "may hold only a-z and _")
        }
    }

    static func optionalDigest(_ field: String, _ value: String?) throws(EventRefusal) {
        if let value { try digest(field, value) }
    }

    static func digest(_ field: String, _ value: String) throws(EventRefusal) {
        let isHex = value.utf8.allSatisfy { (0x30...0x39).contains($0) || (0x61...0x66).contains($0) }
        guard value.utf8.count == 64, isHex else {
            throw .invalidField(field, problem: "must be 64 lower-case hexadecimal digits")
        }
    }

    /// The key's own tenant must be the event's: no event may reach into another tenant's objects.
    static func objectKey(_ value: String, tenant: String) throws(EventRefusal) {
        guard let key = ObjectKey(value) else {
            throw .invalidField("object_key", problem: "is not of the form tenant/yyyy/mm/uuid.attempt")
        }
        guard key.tenant == tenant else {
            throw .invalidField("object_key", problem: "belongs to another tenant")
        }
    }

    /// The trash key must be that of the plan and the object: no order may write anywhere else.
    static func trashKey(
        _ value: String,
        _ plan: UUID,
        _ key: String,
        tenant: String
    ) throws(EventRefusal) {
        try objectKey(key, tenant: tenant)
        guard TrashKey(value, plan: plan, objectKey: key) != nil else {
            throw .invalidField("trash_key", problem: "is not that of its plan and object")
        }
    }

    static func range(_ field: String, _ value: Int64, _ range: ClosedRange<Int64>) throws(EventRefusal) {
        guard range.contains(value) else {
            throw .invalidField(
                field,
                problem: "is \(value), outside \(range.lowerBound)...\(range.upperBound)"
            )
        }
    }

    /// What RFC 3339 can say: the first microsecond of the year 0 to the last of 9999.
    private static let writableTimes =
        Timestamp(secondsSinceEpoch: -62_167_219_200)..<Timestamp(secondsSinceEpoch: 253_402_300_800)

    static func time(_ field: String, _ value: Timestamp) throws(EventRefusal) {
        guard writableTimes.contains(value) else {
            throw .invalidField(field, problem: "is outside the years 0000 to 9999")
        }
    }
}
