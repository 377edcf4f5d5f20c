import HTTPServing

/// The error codes of this service's own failures; openapi.yaml lists the same.
enum ErrorCode: String, CaseIterable, Sendable {
    case fileAlreadyExists = "FILE_ALREADY_EXISTS"
    case fileNotFound = "FILE_NOT_FOUND"
    case filePurged = "FILE_PURGED"
    case fileQuarantined = "FILE_QUARANTINED"
    case uploadNotFound = "UPLOAD_NOT_FOUND"
    case uploadAlreadyExists = "UPLOAD_ALREADY_EXISTS"
    case uploadCompleting = "UPLOAD_COMPLETING"
    case invalidUploadState = "INVALID_UPLOAD_STATE"
    case invalidPartNumber = "INVALID_PART_NUMBER"
    case invalidPartSize = "INVALID_PART_SIZE"
    case partDiffers = "PART_DIFFERS"
    case partInProgress = "PART_IN_PROGRESS"
    case partsMissing = "PARTS_MISSING"
    case partsWrong = "PARTS_WRONG"
    case fileTooLarge = "FILE_TOO_LARGE"
    case digestMismatch = "DIGEST_MISMATCH"
    case sizeMismatch = "SIZE_MISMATCH"
    case invalidFileName = "INVALID_FILE_NAME"
    case invalidDigest = "INVALID_DIGEST"
    case invalidParameter = "INVALID_PARAMETER"
    case invalidBody = "INVALID_BODY"
    case invalidIdempotencyKey = "INVALID_IDEMPOTENCY_KEY"
    case idempotencyKeyReused = "IDEMPOTENCY_KEY_REUSED"
    case idempotencyKeyInUse = "IDEMPOTENCY_KEY_IN_USE"
    case noFile = "NO_FILE"
    case lengthRequired = "LENGTH_REQUIRED"
    case unsupportedEncoding = "UNSUPPORTED_ENCODING"
    case preconditionFailed = "PRECONDITION_FAILED"
    case rangeNotSatisfiable = "RANGE_NOT_SATISFIABLE"
    case notTried = "NOT_TRIED"
    case serverBusy = "SERVER_BUSY"
    case interrupted = "INTERRUPTED"
    case outcomeUnknown = "OUTCOME_UNKNOWN"
    case databaseUnavailable = "DATABASE_UNAVAILABLE"
    case storeUnavailable = "STORE_UNAVAILABLE"
    case storeRefused = "STORE_REFUSED"
    case storeFull = "STORE_FULL"
    case repairNotFound = "REPAIR_NOT_FOUND"
    case repairRefused = "REPAIR_REFUSED"
    case repairRunning = "REPAIR_RUNNING"
    case confirmationRequired = "CONFIRMATION_REQUIRED"
    case checkRunning = "CHECK_RUNNING"
    case checkNotFound = "CHECK_NOT_FOUND"
    case topicUnknown = "TOPIC_UNKNOWN"
    case brokerUnavailable = "BROKER_UNAVAILABLE"
    case quotaExceeded = "QUOTA_EXCEEDED"
    case quotaNotFound = "QUOTA_NOT_FOUND"
    case safeModeChanged = "SAFE_MODE_CHANGED"
    case safeModeUnsettled = "SAFE_MODE_UNSETTLED"
}

extension Problem {
    init(
        _ code: ErrorCode,
        _ status: Int,
        _ detail: String,
        isRetryable: Bool = false,
        retryAfterSeconds: Int? = nil,
        fields: [String: String] = [:],
        extensions: [String: String] = [:]
    ) {
        self.init(
            status: status,
            code: code.rawValue,
            detail: detail,
            isRetryable: isRetryable,
            retryAfterSeconds: retryAfterSeconds,
            fields: fields,
            extensions: extensions
        )
    }
}
