#if DEBUG
    import FoundationEssentials

    /// One thing that shall go wrong. Only debug builds have faults.
    struct FaultRule: Codable, Sendable {
        enum Action: String, Codable, Sendable {
            /// Answer `status` and `code`; nothing is applied.
            case answer
            /// Answer 200 with an `<Error>` of `code`; nothing is applied.
            case errorInside
            /// Close the connection; nothing is applied.
            case dropBefore
            /// Apply, then close the connection without an answer.
            case dropAfter
            /// Wait, then go on as always.
            case delay
            /// Apply, wait, then answer.
            case delayAnswer
            /// 507, after the body was read.
            case diskFull
            /// Send `bytes` of the object, then close the connection.
            case truncate
            /// Send the object with one bit of its first byte turned.
            case corrupt
            /// A list of multipart uploads with none in it, as of a store that has forgotten them.
            case noUploads
        }

        var method: String?
        var bucket: String?
        var keyPrefix: String?
        /// A parameter that must be there, for example `uploadId`.
        var query: String?
        /// A parameter that must not be there.
        var withoutQuery: String?
        var action: Action
        var status: Int?
        var code: String?
        var milliseconds: Int64?
        var bytes: Int64?
        /// How many matching requests pass untouched first.
        var skip: Int?
        /// How many requests it strikes; all when absent.
        var count: Int?
        var hits: Int?

        func matches(_ request: S3Request) -> Bool {
            (method == nil || method == request.method)
                && (bucket == nil || bucket == request.bucketName)
                && (keyPrefix.map { request.key?.hasPrefix(Array($0.utf8)) == true } ?? true)
                && (query.map { request.has($0) } ?? true)
                && !(withoutQuery.map { request.has($0) } ?? false)
        }

        var error: S3Error {
            let status = action == .errorInside ? 200 : status ?? 500
            return S3Error(status, code ?? "InternalError", "An injected fault.")
        }
    }

    /// A request as the log keeps it. Parameters of signatures are left out.
    struct LoggedRequest: Codable, Sendable {
        var method: String
        var bucket: String?
        var key: String?
        var query: [String: String]
        /// Zero when the connection was dropped without an answer.
        var status: Int
        var fault: FaultRule.Action?
        var applied: Bool
    }
#endif
